"""What is asked about a sweep before, while and after it runs: plan, logs, retry, clean, sync."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mitofm.commands import clean, logs, plan, retry, status, sync, train
from mitofm.ground.errors import MitofmError
from mitofm.ground.files import write_json
from mitofm.ground.processes import make_mark
from mitofm.runs import progress
from mitofm.runs.books import studies
from mitofm.runs.execute import run
from mitofm.runs.folder import State
from mitofm.training import fit as training

Small = Callable[..., Any]
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def folders(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands find this test's runs as users' do."""
    for name, folder in {"DATA": shared / "data", "CACHE": shared / "cache", "RUNS": tmp_path / "runs"}.items():
        monkeypatch.setenv(f"MITOFM_{name}", str(folder))


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Cells are fitted in no time, and the seed that is set under `fails` cannot be."""
    sick = {"fails": -1}

    def fit_cell(settings: Any, cell_id: str, weights: Any, folder: Path) -> Any:
        del weights
        config = settings.config
        if config["seed"] == sick["fails"]:
            raise ValueError("no luck")
        named = {"dataset": "data", "backbone": "backbone", "adaptation": "adaptation"}
        labels = {label: config[group]["name"] for label, group in named.items()} | {"fraction": config["fraction"]}
        write_json(folder / "cell.json", {"id": cell_id, "labels": labels})
        write_json(folder / "cost.json", {"seconds": 600.0})
        return {"sets": {"all": {"auroc": 0.5}}}

    monkeypatch.setattr("mitofm.training.fit.fit_cell", fit_cell)
    return sick


def test_a_grid_is_planned_before_it_runs(small: Small, fits: dict[str, int], capsys: Capture) -> None:
    composed = small("seed=1")
    grid = ["-m", "seed=1,2,3,4", "study=unnamed", *typed(composed)]
    plan.main(grid)
    said = capsys.readouterr().out.strip().splitlines()
    assert said[0] == "4 cells: 4 to do"
    assert "unknown" in said[1]

    fits["fails"] = 2
    assert run(composed) is State.DONE
    with pytest.raises(ValueError, match="no luck"):
        run(small("seed=2"))
    plan.main(grid)
    said = capsys.readouterr().out.strip().splitlines()
    assert said[0] == "4 cells: 2 to do, 1 done, 1 failed"
    assert said[1] == "time: about 30 min of one process, from past cells like 3 of the 3 ahead"
    assert said[2].startswith("disk: about 0 MB in ")
    assert said[3] == "by: hydra/launcher=basic, 1 at once"


def typed(composed: Any) -> list[str]:
    """The overrides of `small` as a user types them."""
    source = composed.data.source
    return [
        f"data.source.domains=[{','.join(source.domains)}]",
        f"data.source.slides_per_domain={source.slides_per_domain}",
        f"data.source.cells_per_slide={source.cells_per_slide}",
        f"backbone={composed.backbone.name}",
        "fit.max_epochs=1",
        "fit.min_steps=1",
    ]


def test_a_study_is_watched_until_its_sweep_ends(
    small: Small, fits: dict[str, int], capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = tmp_path / "runs"
    del fits
    run(small("seed=1"))
    with progress.show_progress(runs, "unnamed", cells=2):
        run(small("seed=2"))
        capsys.readouterr()  # what rendering the slides has printed
        status.main(["study=unnamed", "watch=5"])  # no terminal: once
        once = capsys.readouterr().out.splitlines()
        assert once[1].split() == ["unnamed", "2", "2", "0", "0", "0"]
        assert once[2].startswith("unnamed: 1 of 2 cells done, ")
        assert once[2].endswith("about 1 min left: none runs at the moment")
        monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
        monkeypatch.setenv("TERM", "xterm")
        waited: list[float] = []

        def ends_meanwhile(seconds: float) -> None:
            waited.append(seconds)
            studies.end_sweep(runs, "unnamed")

        monkeypatch.setattr(time, "sleep", ends_meanwhile)
        status.main(["study=unnamed", "watch=5"])
    assert waited == [5]
    shown = capsys.readouterr().out
    assert "1 of 2 cells done" in shown
    assert "of 2 cells done" not in shown.rpartition("study")[2]
    with pytest.raises(MitofmError, match="watch=soon: give a number above 0"):
        status.main(["watch=soon"])


def test_the_cells_that_a_killed_sweep_never_came_to_are_known(
    fits: dict[str, int], small: Small, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [*typed(small()), "study=killed", "data.source.domains=[canine lymphoma, human melanoma]"]
    fit = training.fit_cell
    fitted: list[int] = []

    def killed(config: Any, *given: Any) -> Any:
        if len(fitted) == 2:
            raise SystemExit(143)
        fitted.append(config.seed)
        return fit(config, *given)

    def swept(*words: str) -> None:
        monkeypatch.setattr("sys.argv", ["mitofm", "train", *words])
        train.main(list(words))

    del fits
    with monkeypatch.context() as patch:
        patch.setattr(training, "fit_cell", killed)
        with pytest.raises(SystemExit):
            swept("-m", "seed=1,2,3", "augment=none,dihedral", *command)
    status.main(["study=killed"])
    left = "seed=2, augment=dihedral; seed=3, augment=none; seed=3, augment=dihedral"
    assert f"killed: 3 of 6 planned cells not started: {left}" in capsys.readouterr().out
    swept(
        "-m", "seed=range(2,4)", "augment=dihedral", "trainer.progress=false", *command
    )  # part of the grid, typed otherwise
    status.main(["study=killed"])
    assert "killed: 1 of 6 planned cells not started: seed=3, augment=none" in capsys.readouterr().out
    swept("augment=none", "seed=3", *command)
    status.main(["study=killed"])
    assert "not started" not in capsys.readouterr().out


def test_what_failed_is_told_and_retried(small: Small, fits: dict[str, int], capsys: Capture, tmp_path: Path) -> None:
    fits["fails"] = 2
    run(small("seed=1"))
    with pytest.raises(ValueError, match="no luck"):
        run(small("seed=2"))
    logs.main(["s2"])
    told = capsys.readouterr().out
    assert "process" in told
    assert told.splitlines()[-1] == "ValueError: no luck"
    with pytest.raises(MitofmError, match="1 of 1 cells failed"):
        retry.main(["unnamed"])
    fits["fails"] = -1
    retry.main(["unnamed"])
    assert "1 of 2 cells of unnamed failed" in capsys.readouterr().out
    assert len(list(tmp_path.glob("runs/cells/*/DONE"))) == 2
    retry.main(["s2"])
    assert "0 of 1 cells" in capsys.readouterr().out


def test_a_config_that_asks_for_another_cell_is_not_retried(small: Small, fits: dict[str, int], tmp_path: Path) -> None:
    fits["fails"] = 2
    with pytest.raises(ValueError, match="no luck"):
        run(small("seed=2"))
    (config,) = tmp_path.glob("runs/cells/*/config.yaml")
    config.write_text(config.read_text().replace("seed: 2", "seed: 3"))
    with pytest.raises(MitofmError, match="1 of 1 cells failed"):
        retry.main(["unnamed"])
    assert len(list(tmp_path.glob("runs/cells/*"))) == 1


def test_only_what_is_superseded_is_removed_and_only_after_a_yes(
    small: Small, fits: dict[str, int], capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits["fails"] = 2
    run(small("seed=1"))
    with pytest.raises(ValueError, match="no luck"):
        run(small("seed=2"))
    done, failed = (next(tmp_path.glob(f"runs/cells/*/{state}")).parent for state in ("DONE", "FAILED"))
    for cell in (done, failed):
        (cell / "checkpoint").mkdir()
        (cell / "checkpoint" / "resume.ckpt").write_text("x" * 10)
        (cell / ".metrics.json.123.part").write_text("x")
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: False))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(MitofmError, match="yes=true"):
        clean.main([])
    assert sorted(tmp_path.rglob("*")) == before
    clean.main(["yes=true"])
    gone = sorted(set(before) - set(tmp_path.rglob("*")))
    assert gone == sorted([done / "checkpoint" / "resume.ckpt", done / ".metrics.json.123.part"])
    assert "2 files" in capsys.readouterr().out


def test_what_killed_processes_left_half_written_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MITOFM_CACHE", str(tmp_path / "cache"))
    mark = "from mitofm.ground.processes import make_mark; print(make_mark())"
    dead = subprocess.run([sys.executable, "-c", mark], capture_output=True, text=True, check=True).stdout.strip()
    names = (f".a.{dead}.part", ".of_another_machine.part", ".old.part", ".x.lock.breaking")
    files = [tmp_path / "cache" / "patches" / "store" / name for name in names]
    files.append(tmp_path / "runs" / "pretraining" / f".b.{make_mark()}.part")
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    for file in files[2:4]:
        os.utime(file, (time.time() - 2e5,) * 2)
    clean.main(["yes=true"])
    assert [file.exists() for file in files] == [False, True, False, False, True]


def test_offline_runs_are_sent_in_batches_and_once_however_often_it_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    folders = [tmp_path / "runs" / "wandb" / f"offline-run-2026-{number:03}" for number in range(230)]
    for folder in folders:
        folder.mkdir(parents=True)
    batches: list[int] = []
    sick = {folders[130]}

    def wandb(command: list[str], check: bool) -> subprocess.CompletedProcess[str]:
        """Sends the runs in their order, up to one that it cannot read."""
        del check
        assert command[1:4] == ["-m", "wandb", "sync"]
        batches.append(len(command) - 4)
        for folder in map(Path, command[4:]):
            if folder in sick:
                return subprocess.CompletedProcess(command, 1)
            assert not (folder / "run-x.wandb.synced").exists()
            (folder / "run-x.wandb.synced").touch()  # as W&B marks what it has sent
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", wandb)
    with pytest.raises(MitofmError, match="1 of 230 runs were not sent, offline-run-2026-130 first"):
        sync.main([])
    assert batches[:2] == [100, 100]
    assert len(batches) < 20
    assert "229 of 230 runs sent, 1 failed" in capsys.readouterr().out
    sick.clear()
    sync.main([])
    assert "229 of 230 runs were sent before" in capsys.readouterr().out
    sync.main([])
    assert batches[-1] == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith("0 runs sent")


def test_nothing_more_is_tried_once_ten_batches_could_not_be_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2000):
        (tmp_path / "runs" / "wandb" / f"offline-run-2026-{number:04}").mkdir(parents=True)
    asked: list[list[str]] = []
    monkeypatch.setattr(subprocess, "run", lambda command, check: asked.append(command))
    with pytest.raises(MitofmError, match="2000 of 2000 runs were not sent"):
        sync.main([])
    assert len(asked) == 10
