"""Jobs of a sweep without Slurm: processes that run what `mitofm.commands.sweeping.jobs` sends."""

from __future__ import annotations

import os
import signal
import time
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from mitofm.commands.sweeping import jobs
from mitofm.commands.sweeping.jobs import Work, read_max_array_size
from mitofm.ground import locks
from mitofm.ground.files import keep

BOUNDS = (0, 4, 8, 12)


class Run:
    """Runs a cell: notes its process and its number; a cell in `slow` takes ten minutes in the first process that runs it."""

    def __init__(self, folder: Path, *slow: int) -> None:
        self.folder, self.slow = folder, slow

    def __call__(self, cell: list[int]) -> str:
        (number,) = cell
        if number in self.slow and not self.list_runs(number):
            (self.folder / f"{number}-{os.getpid()}").touch()
            time.sleep(600)
        (self.folder / f"{number}-{os.getpid()}").touch()
        time.sleep(0.3 * (number == 3))  # so long that others may be silent
        return "no luck" if number == 10 else ""

    def list_runs(self, number: int) -> set[int]:
        return {int(file.name.split("-")[1]) for file in self.folder.glob(f"{number}-*")}


def start(run: Run, number: int) -> BaseProcess:
    process = get_context("fork").Process(target=Work(run, BOUNDS, run.folder), args=(number,))
    process.start()
    return process


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    keep(Work(str, BOUNDS, tmp_path).list, "cells", [[number] for number in range(12)])
    return tmp_path


def kill_at(process: BaseProcess, run: Run, number: int) -> None:
    while not run.list_runs(number):
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)  # type: ignore[arg-type]
    process.join()


def test_a_dead_job_gives_back_what_it_had_not_begun_and_keeps_what_it_had(folder: Path) -> None:
    run = Run(folder, 5)
    dead = start(run, 1)
    kill_at(dead, run, 5)
    other = start(run, 0)
    other.join()
    assert all(run.list_runs(number) == {other.pid} for number in (0, 1, 2, 3, 6, 7))
    assert run.list_runs(5) == {dead.pid}
    assert not run.list_runs(8)  # nobody has begun the third job: Slurm will
    ended = Work(run, BOUNDS, folder).read_ended()
    assert ended == {**dict.fromkeys((0, 1, 2, 3, 6, 7), ""), 4: ""}
    again = start(run, 1)  # as Slurm requeues it
    again.join()
    assert run.list_runs(5) == {dead.pid, again.pid}
    assert run.list_runs(4) == {dead.pid}
    last = start(run, 2)
    last.join()
    assert Work(run, BOUNDS, folder).read_ended() == {**dict.fromkeys(range(12), ""), 10: "no luck"}


def test_a_dead_job_on_another_machine_is_told_by_its_silence(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(folder, 5)
    kill_at(start(run, 1), run, 5)
    monkeypatch.setattr(locks, "_name_machine", lambda: "another machine")
    monkeypatch.setattr(locks, "STALE", 0.6)
    for name, seconds in (("_LOOK_EVERY", 0.2), ("BEAT", 0.1)):
        monkeypatch.setattr(jobs, name, seconds)
    other = start(run, 0)
    other.join()
    assert run.list_runs(6) == run.list_runs(7) == {other.pid}


def test_an_array_has_as_many_jobs_as_slurm_allows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert read_max_array_size() == 1001
    scontrol = tmp_path / "scontrol"
    scontrol.write_text("#!/bin/sh\necho 'MaxArraySize            = 6'\n")
    scontrol.chmod(0o755)
    assert read_max_array_size() == 6
