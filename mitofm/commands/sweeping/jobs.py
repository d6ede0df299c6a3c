"""Runs the cells of a sweep in jobs of Slurm: each job is a process with cells of its own, and takes over those of dead jobs.

In a folder that all jobs see lie, for each job, a lock on its cells, and two notes: how many of them were begun, by itself or by
a job that took them over, and how the cells that itself has run have ended. A job that is killed leaves its lock behind: another
one that is through with its own cells takes the ones that were not begun. The one that was begun is the killed job's if Slurm
starts it again, and nobody else's: it may be what killed it.
"""

from __future__ import annotations

import logging
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mitofm.ground.files import keep, recall
from mitofm.ground.locks import BEAT, Held, Waiter, lock
from mitofm.ground.processes import make_mark

_OF_ALL = (
    "timeout_min",
    "cpus_per_task",
    "gpus_per_node",
    "tasks_per_node",
    "mem_gb",
    "nodes",
    "name",
    "stderr_to_stdout",
)
"""Settings of submitit that have one name for all kinds of clusters."""
_LOOK_EVERY = 3 * BEAT  # seconds between two looks at the locks of other jobs
_ASK_AT_MOST = 30.0  # seconds between two looks at the queue
_log = logging.getLogger(__name__)


def run_in_jobs(
    run: Callable[[list[Any]], str],
    cells: Sequence[Sequence[Any]],
    together: Sequence[Any],
    cells_per_job: int,
    folder: Path,
    flags: dict[str, Any],
) -> list[str]:
    """Call `run` for every cell, in jobs of at most `cells_per_job` cells, and wait for all jobs.

    Args:
        run: what a job does with a cell, picklable; gives the problem that it ended with, or "".
        cells: what it is called with, plain data.
        together: cells that are alike in this share embeddings or weights: their jobs have as few others as can be.
        cells_per_job: at most.
        folder: where jobs leave their files.
        flags: of submitit and Slurm, by the names of `conf/hydra/launcher/slurm.yaml`.

    Returns:
        For each cell the problem that it ended with; "" if there was none.
    """
    import submitit

    order = sorted(range(len(cells)), key=lambda place: together[place])  # stable: the grid's order in each
    jobs = -(-len(cells) // cells_per_job)
    work = Work(run, [len(cells) * job // jobs for job in range(jobs + 1)], folder / "jobs" / make_mark())
    keep(work.list, "cells", [cells[place] for place in order])
    most = read_max_array_size()
    arrays = [range(first, min(first + most, jobs)) for first in range(0, jobs, most)]
    _log.info("Launching %d jobs of up to %d cells, in %d arrays", jobs, cells_per_job, len(arrays))
    started: list[Any] = []
    for array in arrays:
        executor = submitit.AutoExecutor(
            flags["submitit_folder"], cluster="slurm", slurm_max_num_timeout=flags["max_num_timeout"]
        )
        left = {key: one for key, one in flags.items() if key not in ("submitit_folder", "max_num_timeout")}
        left["array_parallelism"] = max(1, left["array_parallelism"] // len(arrays))
        executor.update_parameters(**{key if key in _OF_ALL else f"slurm_{key}": one for key, one in left.items()})
        started += executor.map_array(work, array)
    _wait_for({job.job_id.partition("_")[0] for job in started})
    lost = "mitofm: its job died: the same command goes on with it"
    ended = {order[at]: problem for at, problem in work.read_ended().items()}
    shutil.rmtree(work.folder, ignore_errors=True)
    return [ended.get(place, lost) for place in range(len(cells))]


def _wait_for(arrays: Iterable[str]) -> None:
    """Wait until the queue has no job of these arrays. A job that died leaves no result, and not every Slurm keeps accounts."""
    pause = 1.0
    while True:
        time.sleep(pause)
        pause = min(1.5 * pause, _ASK_AT_MOST)
        with suppress(subprocess.TimeoutExpired):
            ask = ["squeue", "--noheader", "--jobs", ",".join(sorted(arrays))]
            seen = subprocess.run(ask, capture_output=True, text=True, timeout=60, check=False)
            if not seen.stdout.strip() and (seen.returncode == 0 or "Invalid job id" in seen.stderr):
                return  # a controller that does not answer is asked again


def read_max_array_size() -> int:
    """How many jobs an array may have here: MaxArraySize of this Slurm, or its default if Slurm does not tell."""
    with suppress(OSError, subprocess.SubprocessError):
        told = subprocess.run(["scontrol", "show", "config"], capture_output=True, text=True, timeout=60, check=True)
        if found := re.search(r"^MaxArraySize\s*=\s*(\d+)", told.stdout, re.MULTILINE):
            return max(1, int(found[1]))
    return 1001


@dataclass
class Work:
    """The cells of a sweep, of which job `number` is to run those from `bounds[number]` to `bounds[number + 1]`."""

    run: Callable[[list[Any]], str]
    bounds: Sequence[int]
    folder: Path
    _cells: list[list[Any]] = field(default_factory=list, repr=False)
    _waiters: dict[int, Waiter] = field(default_factory=dict, repr=False)
    _looked: float = 0.0

    @property
    def list(self) -> Path:
        """The file with the cells of all jobs: the pickle of each job would hold them else."""
        return self.folder / "cells.json"

    def __call__(self, number: int) -> None:
        """What a job does; it begins anew if Slurm starts it again."""
        self._cells = recall(self.list, "cells")
        others = [*range(number + 1, len(self.bounds) - 1), *range(number)]
        self._waiters = {job: Waiter(self._name_lock(job)) for job in others}
        self._look()
        ended = self._recall_ended(number)
        at = recall(self._name(number, "at"), "cell")
        if at is not None:
            self._run(number, at, ended)  # it was killed there, or told to stop
        self._take(number, number, ended)
        while any(self._take(number, job, ended) for job in others if self._is_given_back(job)) or self._wait(others):
            pass

    def checkpoint(self, number: int) -> Any:
        """What submitit starts again if the job has run out of time."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(Work(self.run, self.bounds, self.folder), number)

    def read_ended(self) -> dict[int, str]:
        """The problem that each cell ended with, by its place; "" if there was none."""
        ended: dict[int, str] = {}
        for job in range(len(self.bounds) - 1):
            ended |= self._recall_ended(job)
        return ended

    def _take(self, number: int, job: int, ended: dict[int, str]) -> bool:
        """Run the cells of `job` that were not begun, as job `number`. False if another process does."""
        try:
            with lock(self._name_lock(job), wait=False, waiter=self._waiters.get(job)) as held:
                for at in range(self._count_begun(job), self.bounds[job + 1]):
                    held.require()
                    keep(self._name(number, "at"), "cell", at)  # first: a cell that is begun is somebody's
                    keep(self._name(job, "begun"), "next", at + 1)
                    self._run(number, at, ended)
        except Held:
            return False
        return True

    def _run(self, number: int, at: int, ended: dict[int, str]) -> None:
        ended[at] = self.run(self._cells[at])
        keep(self._name(number, "ended"), "cells", {str(place): problem for place, problem in ended.items()})
        if time.monotonic() - self._looked > _LOOK_EVERY:
            self._look()

    def _look(self) -> None:
        """Look at the locks of other jobs: by when they were touched, those of dead jobs on other machines are told."""
        self._looked = time.monotonic()
        for waiter in self._waiters.values():
            waiter.look()

    def _is_begun(self, job: int) -> bool:
        """Whether cells of `job` were begun, and others not."""
        begun = self._count_begun(job)
        return self.bounds[job] < begun < self.bounds[job + 1]

    def _is_given_back(self, job: int) -> bool:
        """Whether the process that had begun cells of `job` has ended before it came to all of them."""
        waiter = self._waiters[job]
        return self._is_begun(job) and (not waiter.look() or waiter.holder_is_dead())

    def _wait(self, others: Sequence[int]) -> bool:
        """Whether a job that has begun its cells is silent, so that it may be dead; then some time has passed."""
        silent = any(self._waiters[job].silent > _LOOK_EVERY for job in others if self._is_begun(job))
        if silent:
            time.sleep(BEAT)
        return silent

    def _count_begun(self, job: int) -> int:
        return int(recall(self._name(job, "begun"), "next") or self.bounds[job])

    def _recall_ended(self, job: int) -> dict[int, str]:
        return {int(place): problem for place, problem in (recall(self._name(job, "ended"), "cells") or {}).items()}

    def _name(self, job: int, kind: str) -> Path:
        return self.folder / f"{job}.{kind}.json"

    def _name_lock(self, job: int) -> Path:
        return self.folder / f"{job}.lock"
