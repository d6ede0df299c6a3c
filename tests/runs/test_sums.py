"""DONE holds the checksums of its cell's files: no reader takes another file for the one that was measured."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from mitofm.commands.retry import main as retry
from mitofm.ground.fingerprints import Remembered
from mitofm.reporting.completeness import describe_missing
from mitofm.runs import bundle, sums
from mitofm.runs.books import studies
from mitofm.runs.collect import collect
from mitofm.runs.execute import run
from mitofm.runs.folder import CellFolder, DamagedCell, State, check_sums, read_config
from mitofm.runs.status import tabulate
from mitofm.runs.tables import read_predictions, read_split

if TYPE_CHECKING:
    from made_up import Study


@pytest.fixture
def finished(study: Study) -> Path:
    """A cell as it is finished today, and another one beside it."""
    folder = study.add()
    (folder / "checkpoint").mkdir()
    (folder / "checkpoint" / "trained.safetensors").write_bytes(b"tensors" * 100)
    (folder / "search").mkdir()
    (folder / "search" / "lr-0.001.csv").write_text("step,metric,value\n1,loss,0.5\n")
    (folder / "log.txt").write_text("begun\n")
    (folder / ".x.part").write_text("half")
    for cell in (folder, study.add(seed=43)):
        (cell / "DONE").write_text(sums.take(cell))
    return folder


def listed(folder: Path) -> list[str]:
    return sorted(json.loads((folder / "DONE").read_text())["files"])


def change(file: Path) -> None:
    """Another digit or byte, of equal size."""
    content = bytearray(file.read_bytes())
    at = next((at for at, byte in enumerate(content) if chr(byte).isdigit()), len(content) // 2)
    content[at] ^= 1
    file.write_bytes(content)


def test_done_lists_what_the_cell_has_but_its_log_and_what_is_half_written(finished: Path) -> None:
    assert listed(finished) == [
        "cell.json",
        "checkpoint/trained.safetensors",
        "config.yaml",
        "cost.json",
        "metrics.json",
        "predictions.parquet",
        "search/lr-0.001.csv",
        "split.parquet",
    ]
    (finished / "log.txt").write_text("begun\ngone on\n")
    assert check_sums(finished)
    assert len(collect(finished.parents[1], "made_up").done) == 2


def test_a_done_of_before_stays_valid_and_is_unchecked(study: Study) -> None:
    folder = study.add()
    change(folder / "predictions.parquet")
    assert not check_sums(folder)
    assert CellFolder(study.runs, folder.name).read_state() is State.DONE


def test_any_changed_file_is_named_with_the_command_that_mends_it(finished: Path, tmp_path: Path) -> None:
    remembered = Remembered(tmp_path / "fingerprints")
    assert check_sums(finished, remembered)
    for name in listed(finished):
        file = finished / name
        whole = file.read_bytes()
        for damage in (change, lambda one: one.write_bytes(b""), Path.unlink):
            damage(file)
            mend = f"rm -r {finished}" if name == "config.yaml" else f"mitofm retry {finished.name}"
            for known in (remembered, None):
                with pytest.raises(DamagedCell, match=file.name) as told:
                    check_sums(finished, known)
                assert mend in str(told.value)
                assert told.value.cell == finished.name
            assert check_sums(finished, checkpoint=False) if name.startswith("checkpoint/") else True
            file.write_bytes(whole)
    assert check_sums(finished, remembered)


def test_what_is_known_by_size_and_time_is_not_read_again(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remembered = Remembered(tmp_path / "fingerprints")
    check_sums(finished, remembered)
    monkeypatch.setattr("mitofm.runs.folder.of_file", lambda file: pytest.fail(f"{file} is read"))
    assert check_sums(finished, remembered)


@pytest.mark.parametrize("name", ["metrics.json", "predictions.parquet", "split.parquet", "cell.json", "cost.json"])
def test_a_reader_is_given_no_other_number(finished: Path, name: str) -> None:
    runs = finished.parents[1]

    def read_all() -> int:
        found = collect(runs, "made_up")
        for cell in found.done["cell"]:
            found.predictions(cell), found.split(cell), found.agreement(cell), found.predictions_sha256(cell)
            found.config(cell)
        return len(found.done) + 0 * len(found.metrics)

    assert read_all() == 2
    change(finished / name)
    found = collect(runs, "made_up")
    if len(found.done) == 1:
        assert name in found.unfinished["reason"].item()
    else:
        with pytest.raises(DamagedCell, match=name):
            read_all()


def test_a_damaged_done_is_told(finished: Path) -> None:
    done = finished / "DONE"
    whole = done.read_bytes()
    for content in (whole[: len(whole) // 2], b"{}", b"[]", b"\xff", whole.replace(b"1", b"2", 1)):
        done.write_bytes(content)
        with pytest.raises(DamagedCell, match="DONE"):
            check_sums(finished)
        assert collect(finished.parents[1], "made_up").unfinished["state"].tolist() == ["damaged"]
    done.write_bytes(
        (finished.parent / next(one.name for one in finished.parent.iterdir() if one != finished) / "DONE").read_bytes()
    )
    with pytest.raises(DamagedCell):
        check_sums(finished)


def test_a_config_that_was_not_run_is_no_config(finished: Path) -> None:
    (finished / "config.yaml").write_text("{ }\n")
    with pytest.raises(DamagedCell, match=r"config\.yaml"):
        read_config(finished)


def test_a_bundle_holds_the_checksums_of_what_is_in_it_and_refuses_a_damaged_cell(
    finished: Path, tmp_path: Path
) -> None:
    runs = finished.parents[1]
    (finished / "config.yaml").write_text(f"paths: {{data: {tmp_path}/data}}\n")
    (finished / "DONE").write_text(sums.take(finished))
    (tmp_path / "report").mkdir()
    bundle.pack(runs, "made_up", tmp_path / "report", tmp_path / "s.zip")
    opened = bundle.unpack(tmp_path / "s.zip", tmp_path / "opened").runs
    cell = opened / "cells" / finished.name
    assert check_sums(cell)
    assert listed(cell) == [name for name in listed(finished) if "/" not in name]
    assert str(tmp_path) not in (cell / "config.yaml").read_text()
    assert len(collect(opened, "made_up").done) == 2
    change(finished / "predictions.parquet")
    with pytest.raises(DamagedCell, match=r"predictions\.parquet"):
        bundle.pack(runs, "made_up", tmp_path / "report", tmp_path / "again.zip")
    assert not (tmp_path / "again.zip").exists()


def test_train_names_a_damaged_cell_and_retry_runs_it_again(
    small: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, runs = small("study=hurt", "adaptation=linear_probe"), tmp_path / "runs"
    assert run(config) is run(config) is State.DONE
    (folder,) = (runs / "cells").iterdir()
    assert {"checkpoint/trained.safetensors", "environment.json", "metrics.json"} < set(listed(folder))
    before = {name: (folder / name).read_bytes() for name in ("metrics.json", "predictions.parquet")}
    cache = tmp_path / "cache"
    assert "damaged" not in "\n".join(tabulate(runs, "hurt", cache))
    change(folder / "metrics.json")
    with pytest.raises(DamagedCell, match=f"mitofm retry {folder.name}"):
        run(config)
    assert list(tabulate(runs, "hurt", cache))[-1].startswith(f"damaged  {folder.name}: metrics.json is not the file")
    places = [f"paths.{name}={config.paths[name]}" for name in ("data", "cache", "runs")]
    retry(["hurt", *places])
    assert "1 of 1 cells of hurt failed, were interrupted or are damaged" in capsys.readouterr().out
    assert {name: (folder / name).read_bytes() for name in before} == before
    assert check_sums(folder)
    assert run(config) is State.DONE
    assert studies.read(runs, "hurt").ended[-1] == (folder.name, State.DONE, False)
    change(folder / "config.yaml")
    retry_failed = pytest.raises(Exception, match="1 of 1 cells failed")
    with retry_failed:
        retry([folder.name, *places])
    assert "rm -r" in capsys.readouterr().err
    assert (folder / "DONE").is_file()


def test_a_report_says_that_its_journal_is_damaged(finished: Path) -> None:
    runs = finished.parents[1]
    for cell in finished.parent.iterdir():
        studies.enlist(runs, "noted", cell.name)
    assert collect(runs, "noted").damaged_lines == 0
    journal = studies.find_journal(runs, "noted")
    journal.write_bytes(journal.read_bytes()[:-20])
    found = collect(runs, "noted")
    assert (len(found.done), found.damaged_lines) == (1, 1)
    assert "1 line of the study's journal is damaged" in describe_missing(found.cells, [], found.damaged_lines)[0]
    assert not describe_missing(found.cells, [])


def test_tables_that_no_cell_can_have_written_are_refused(study: Study) -> None:
    folder = study.add()
    path = folder / "predictions.parquet"
    whole = pd.read_parquet(path)
    assert len(read_predictions(path)) == len(read_split(folder / "split.parquet")) == len(whole)
    for reason, table in {
        "neither 0 nor 1": whole.assign(label=7),
        "label": whole.assign(label=0.5),
        "no rows": whole.head(0),
        "twice": pd.concat([whole, whole.head(1)]),
        "no finite number": whole.assign(logit=float("inf")),
        "logit": whole.assign(logit="high"),
        "sample_id": whole.assign(sample_id=None),
        "lacks the column slide": whole.drop(columns="slide"),
        "above 0 and up to 1": whole.assign(test_chance=2.0),
        "domain": whole.assign(domain=3),
    }.items():
        table.to_parquet(path, index=False)
        with pytest.raises(DamagedCell, match=reason):
            read_predictions(path)
    whole[["sample_id", "slide", "domain", "label"]].assign(label=2).to_parquet(folder / "split.parquet")
    with pytest.raises(DamagedCell, match="neither 0 nor 1"):
        read_split(folder / "split.parquet")
