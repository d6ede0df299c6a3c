"""A folder of runs that came from elsewhere and is full of links: nothing outside it is read, written, deleted or packed."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hydra.core.global_hydra import GlobalHydra

from mitofm.ground.below import Outside
from mitofm.ground.errors import MitofmError
from mitofm.runs.books import studies
from mitofm.runs.bundle import pack, unpack
from mitofm.runs.execute import run
from mitofm.training.copies.metric_copies import Curves

BAD = "a\x1b[2J\r\u202eb"
SECRET = "what lies outside is nobody's business"
Small = Callable[..., Any]
Typed = Callable[..., tuple[str, str]]


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Path]:
    """A folder with a file of every name; afterwards it must be as it was."""
    folder = tmp_path / "outside"
    (folder / "search").mkdir(parents=True)
    names = ("log.txt", "curves.csv", "ends.csv", "journal.jsonl", "resume.ckpt", "best.safetensors", "trained.safetensors",
             "environment.json", "config.yaml", "metrics.json", "FAILED", "x.lock", "search/trial.json")  # fmt: skip
    for name in names:
        (folder / name).write_text(SECRET)
    before = {file: file.stat().st_mtime_ns for file in folder.rglob("*")}
    yield folder
    assert {file: file.stat().st_mtime_ns for file in folder.rglob("*")} == before
    assert all(file.read_text() == SECRET for file in folder.rglob("*") if file.is_file())


@pytest.fixture
def stopped(small: Small, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of a cell that was interrupted before its first step; `small("adaptation=full", ...)` goes on with it."""

    def stop(*_: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("mitofm.training.fit.fit_cell", stop)
        with pytest.raises(KeyboardInterrupt):
            run(small("adaptation=full", "fit.max_steps=1"))
    return next(tmp_path.glob("runs/cells/*"))


def link(place: Path, target: Path) -> None:
    if place.is_dir():
        shutil.rmtree(place)
    place.unlink(missing_ok=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(target)


@pytest.mark.parametrize(
    ("place", "target"),
    [
        ("cells/CELL/log.txt", "log.txt"),
        ("cells/CELL/checkpoint", "."),
        ("cells/CELL/checkpoint/resume.ckpt", "resume.ckpt"),
        ("cells/CELL/checkpoint/search", "search"),
        ("cells/CELL", "."),
        ("cells", "."),
        ("locks", "."),
        ("studies/STUDY/journal.jsonl", "journal.jsonl"),
        ("studies", "."),
    ],
)
def test_a_cell_that_goes_on_changes_nothing_outside(
    small: Small, stopped: Path, outside: Path, place: str, target: str
) -> None:
    runs = stopped.parents[1]
    composed = small("adaptation=full", "fit.max_steps=1")
    names = {"CELL": stopped.name, "STUDY": str(composed.study)}
    link(runs / re.sub("CELL|STUDY", lambda one: names[one.group()], place), outside / target)
    with pytest.raises(Outside, match="is a link, and no link in"):
        run(composed)


def test_curves_are_not_appended_outside(stopped: Path, outside: Path) -> None:
    link(stopped / "curves.csv", outside / "curves.csv")
    with pytest.raises(Outside, match="is a link"):
        Curves(stopped / "curves.csv").log({"auroc": 0.5}, 1)


def test_clean_deletes_nothing_outside(
    outside: Path, tmp_path: Path, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, cache = tmp_path / "runs", tmp_path / "cache"
    for name in ("a", "b"):
        (runs / "cells" / name).mkdir(parents=True)
        (runs / "cells" / name / "DONE").touch()
    (runs / "cells" / "c").symlink_to(outside)
    (outside / "DONE").write_text(SECRET)
    link(runs / "cells" / "a" / "checkpoint", outside)
    link(runs / "cells" / "b" / "checkpoint" / "resume.ckpt", outside / "resume.ckpt")
    (runs / "cells" / "b" / "checkpoint" / "best.safetensors").touch()
    link(runs / "locks", outside)
    link(cache / "embeddings", outside)
    with pytest.raises(SystemExit):
        typed("clean", "yes=true", f"paths.runs={runs}", f"paths.cache={cache}")
    (runs / "locks").unlink()
    told, _ = typed("clean", "yes=true", f"paths.runs={runs}", f"paths.cache={cache}")
    assert "1 files" in told
    assert not (runs / "cells" / "b" / "checkpoint" / "best.safetensors").exists()
    (outside / "DONE").unlink()


def test_a_bundle_packs_nothing_from_outside(outside: Path, tmp_path: Path) -> None:
    runs, report = tmp_path / "runs", tmp_path / "report"
    (runs / "cells" / "a").mkdir(parents=True)
    (runs / "studies" / "s").mkdir(parents=True)
    (runs / "studies" / "s" / "cells.csv").write_text("cell\na\n")
    report.mkdir()
    for name in ("environment.json", "config.yaml", "FAILED"):
        link(runs / "cells" / "a" / name, outside / name)
        with pytest.raises(Outside, match="is a link"):
            pack(runs, "s", report, tmp_path / "s.zip")
        assert not (tmp_path / "s.zip").exists()
        (runs / "cells" / "a" / name).unlink()
    link(report / "x.html", outside / "FAILED")
    with pytest.raises(MitofmError, match="is a link"):
        pack(runs, "s", report, tmp_path / "s.zip")
    (report / "x.html").unlink()
    link(tmp_path / "opened" / "cells", outside)
    pack(runs, "s", report, tmp_path / "s.zip")
    (runs / "cells" / "a" / "DONE").touch()
    pack(runs, "s", report, tmp_path / "s.zip")
    with pytest.raises(Outside, match="is a link"):
        unpack(tmp_path / "s.zip", tmp_path / "opened")


@pytest.mark.parametrize("name", ["../../outside", "..", "/etc", "a/../../..", ".hidden", "a\nb", "a\x1b[2J"])
def test_a_study_names_no_cell_elsewhere(tmp_path: Path, name: str) -> None:
    runs = tmp_path / "runs"
    studies.enlist(runs, "s", "honest")
    studies.enlist(runs, "s", name)
    (runs / "studies" / "t").mkdir()
    (runs / "studies" / "t" / "cells.csv").write_text(f"cell\nhonest\n{name}\n")
    for study in ("s", "t"):
        assert name not in studies.read(runs, study).cells
        assert "honest" in studies.read(runs, study).cells


def test_what_a_report_cannot_read_is_named_and_left_out(
    outside: Path, study: Any, tmp_path: Path, typed: Typed
) -> None:
    study.grid(adaptation=["linear_probe", "lora"], seed=[1, 2, 3])
    cells = sorted((study.runs / "cells").glob("*"))
    link(cells[0] / "metrics.json", outside / "metrics.json")
    (cells[1] / "DONE").unlink()
    link(cells[1] / "FAILED", outside / "FAILED")
    paths = (f"paths.runs={study.runs}", f"paths.cache={tmp_path / 'cache'}")
    typed("report", "study=made_up", *paths)
    told, _ = typed("status", "study=made_up", *paths)
    report = study.runs / "reports" / "made_up"
    assert "metrics.json cannot be read (Outside)" in (report / "tables" / "unfinished.csv").read_text()
    texts = [file.read_text(errors="replace") for file in report.rglob("*") if file.is_file()]
    assert not [text for text in [*texts, told] if SECRET in text]


def test_nothing_raw_reaches_the_terminal(study: Any, tmp_path: Path, typed: Typed) -> None:
    study.add(adaptation="lora", seed=1, domains=(BAD, "[red]lung[/red]"))
    cells = [study.folder(study.labels | {"seed": seed}) for seed in (2, 3)]
    for cell, state in zip(cells, ("FAILED", "SKIPPED"), strict=True):
        cell.mkdir()
        (cell / state).write_text(f"Traceback\nValueError: {BAD}")
        (cell / "config.yaml").write_text("{}")
        (cell / "log.txt").write_text(f"{BAD}\nthe last line")
    shutil.copytree(study.runs / "studies" / "made_up", study.runs / "studies" / BAD)
    paths = (f"paths.runs={study.runs}", f"paths.cache={tmp_path / 'cache'}")
    commands: list[tuple[str, ...]] = [
        ("status", "study=made_up"),
        ("status",),
        ("logs", cells[0].name),
        ("report", "study=made_up"),
        ("report", f"out={tmp_path / 'other'}"),
    ]
    told = [typed(*command, *paths) for command in commands]
    for out, err in told:
        assert not set("\x1b\r\u202e") & set(out + err)
    assert r": \u202eb" in told[0][0]
    assert r"ValueError: a\x1b[2J" in told[2][0]
    assert "the last line" in told[2][0]


@pytest.fixture(autouse=True)
def no_hydra() -> Iterator[None]:
    yield
    GlobalHydra.instance().clear()
