"""Who runs a cell, and what is left where it does not end well."""

import errno
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mitofm.runs import progress
from mitofm.runs.books import studies
from mitofm.runs.execute import run
from mitofm.runs.folder import CellFolder, State
from mitofm.runs.status import list_failures

Small = Callable[..., Any]
METRICS = {"sets": {"all": {"auroc": 0.5}}}


def fitted_by(monkeypatch: pytest.MonkeyPatch, fit: Callable[[], Any]) -> list[str]:
    """Fit cells with `fit`; the list of those that were."""
    fitted: list[str] = []

    def fit_cell(settings: Any, cell_id: str, weights: Any, folder: Path) -> Any:
        del settings, cell_id, weights
        fitted.append(folder.name)
        return fit()

    monkeypatch.setattr("mitofm.training.fit.fit_cell", fit_cell)
    return fitted


def test_two_sweeps_never_fit_a_cell_twice_and_share_the_work(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    busy, go_on = threading.Event(), threading.Event()

    def fit() -> Any:
        busy.set()
        assert go_on.wait(60)
        return METRICS

    fitted = fitted_by(monkeypatch, fit)
    ended: list[State] = []
    first = threading.Thread(target=lambda: ended.append(run(small("seed=1"))))
    first.start()
    assert busy.wait(60)
    assert run(small("seed=1"), wait=False) is State.RUNNING  # left to the other: the sweep takes its next cell
    waits = threading.Thread(target=lambda: ended.append(run(small("seed=1"))))
    waits.start()
    go_on.set()
    first.join()
    waits.join()
    assert ended == [State.DONE, State.DONE]
    assert len(fitted) == 1


ENDS = """
import sys
from pathlib import Path
from mitofm.runs.books import studies
from mitofm.runs.folder import CellFolder, State
runs, number = Path(sys.argv[1]), sys.argv[2]
for cell in range(5):
    for name in (f"own-{number}-{cell}", f"shared-{cell}"):
        studies.enlist(runs, "busy", name)
        CellFolder(runs, name).mark(State.DONE)
        studies.note_end(runs, "busy", name, State.DONE, fitted=True)
"""


def test_eight_processes_that_finish_cells_at_once_corrupt_nothing(tmp_path: Path) -> None:
    running = [subprocess.Popen([sys.executable, "-c", ENDS, str(tmp_path), str(number)]) for number in range(8)]
    assert [process.wait(timeout=300) for process in running] == [0] * 8
    study = studies.read(tmp_path, "busy")
    cells = study.cells
    assert len(cells) == 45
    assert {CellFolder(tmp_path, cell).read_state() for cell in cells} == {State.DONE}
    assert len(study.ended) == 80
    assert not [file for file in tmp_path.rglob("*") if file.name.endswith((".part", ".lock"))]


def test_progress_counts_what_ends_from_now_on(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    fitted_by(monkeypatch, lambda: METRICS)
    config = small("study=counted", "seed=1")
    runs = Path(config.paths.runs)
    run(config)
    studies.begin_sweep(runs, "counted", cells=3)
    study = studies.read(runs, "counted")
    assert study.sweep is not None
    describe = partial(progress.describe_sweep, runs, study, study.sweep)
    assert describe() == "counted: 0 of 3 cells done"
    run(config)
    assert describe() == "counted: 1 of 3 cells done"  # it had been before: no rate to tell the time from
    run(small("study=counted", "seed=2"))
    assert re.fullmatch(r"counted: 2 of 3 cells done, \d+ an hour, about 1 min left", describe())

    def fails() -> Any:
        raise ValueError("no")

    fitted_by(monkeypatch, fails)
    with pytest.raises(ValueError, match="no"):
        run(small("study=counted", "seed=3"))
    assert describe() == "counted: 2 of 3 cells done, 1 failed"
    assert study.ended[-1][1] is State.FAILED
    studies.note_end(runs, "counted", "of_another_sweep", State.DONE, fitted=True)
    assert describe() == "counted: 3 cells done, 1 failed"


def test_a_cell_keeps_its_log(small: Small, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fails() -> Any:
        raise ValueError("the disk is made of cheese")

    fitted_by(monkeypatch, fails)
    with pytest.raises(ValueError, match="cheese"):
        run(small())
    (log,) = tmp_path.glob("runs/cells/*/log.txt")
    assert "process" in log.read_text().splitlines()[0]
    assert "ERROR FAILED" in log.read_text()
    assert "cheese" in log.read_text()


def test_a_full_disk_is_the_error_that_is_told_and_leaves_no_result(
    small: Small, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(*_: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device", "metrics.json")

    fitted_by(monkeypatch, full)
    with monkeypatch.context() as patch:
        patch.setattr(CellFolder, "mark", full)
        with pytest.raises(OSError, match=r"No space left on device: 'metrics.json'"):
            run(small("study=full"))
    (folder,) = tmp_path.glob("runs/cells/*")
    assert CellFolder(tmp_path / "runs", folder.name).read_state() is State.INTERRUPTED
    assert not list(tmp_path.glob("runs/locks/*.lock"))
    fitted_by(monkeypatch, lambda: METRICS)
    assert run(small("study=full")) is State.DONE


def test_failures_are_counted_each_with_its_cause(
    small: Small, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fails() -> Any:
        raise ValueError("this image cannot be read: a/17.png")

    assert list(list_failures(tmp_path / "runs", "sick")) == []
    fitted_by(monkeypatch, lambda: METRICS)
    run(small("study=sick", "seed=1"))
    assert list(list_failures(tmp_path / "runs", "sick")) == []
    fitted_by(monkeypatch, fails)
    with pytest.raises(ValueError, match="cannot be read"):
        run(small("study=sick", "seed=2"))
    counted, cause = list_failures(tmp_path / "runs", "sick")
    assert counted.startswith("1 of 2 cells of study sick failed")
    assert cause.endswith(": ValueError: this image cannot be read: a/17.png")
