"""Checks of a grid and of its launcher before anything starts, and the place of a process on the machine."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from importlib.util import find_spec

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from mitofm.commands.composing.command_line import CommandLine
from mitofm.commands.composing.grids import resolve_grid
from mitofm.ground.errors import MitofmError
from mitofm.runs import devices
from mitofm.runs.books.studies import MOST_CELLS
from mitofm.runs.execute import check
from mitofm.runs.identity import Known
from mitofm.training.attempts import Attempt, attempt
from mitofm.training.settings import Settings


def check_grid(
    line: CommandLine,
    every_cell: bool = False,
    known: Known | None = None,
    count: Counter[str] | None = None,
    attempt: Attempt = attempt,
) -> list[Settings]:
    """The settings of the cells that `resolve_grid` gives; MitofmError if one of them, or its launcher, cannot run.

    `known` is left with what the cells are named by; `count` as in `resolve_cells`, `attempt`
    as in `check`.
    """
    known = known or Known()
    if line.size > MOST_CELLS:
        raise MitofmError(f"this grid has {line.size} cells, more than the {MOST_CELLS} of a study: sweep fewer values")
    cells = []
    with closing(resolve_grid(line, every_cell, count)) as configs:
        for config in configs:
            cells.append(check(config, known, attempt))
            check_launcher(line, cells[-1])
    return cells


def refuse_grid_without_m(line: CommandLine) -> None:
    """Refuse several values of a key for a command that runs one cell."""
    if line.swept and not line.multirun:
        key, values = next(iter(line.swept.items()))
        raise MitofmError(
            f"{key}={','.join(values[:3])}{',...' * (len(values) > 3)}: a grid of cells needs -m: mitofm train -m ..."
        )


def check_launcher(line: CommandLine, settings: Settings) -> None:
    """Refuse what a launcher cannot do.

    Raises:
        MitofmError: a cell would get other devices than it uses; or a sweep under Slurm shall stop at the first failure,
            of which its other jobs do not know.
    """
    if not line.multirun:
        return
    trainer, launches = settings.trainer, line.launches
    devices = trainer.devices
    if line.launcher == "local" and devices > 1:
        raise MitofmError(
            f"trainer.devices={devices}: a process of hydra/launcher=local has one GPU, or a group of cores, to itself. "
            "Take hydra/launcher=basic, whose cells have the whole machine in turn, or trainer=default"
        )
    if line.launcher == "local" and not (isinstance(launches.n_jobs, int) and launches.n_jobs):
        raise MitofmError(
            f"hydra.launcher.n_jobs={launches.n_jobs}: give a number of processes, or -1 for one per core"
        )
    if line.launcher != "slurm":
        return
    if find_spec("submitit") is None:
        raise MitofmError("hydra/launcher=slurm needs submitit, which is not installed: pip install 'mitofm[slurm]'")
    if not (launches.cells_per_job is None or (isinstance(launches.cells_per_job, int) and launches.cells_per_job > 0)):
        raise MitofmError(
            f"hydra.launcher.cells_per_job={launches.cells_per_job}: give a number, or null for jobs of about half an hour"
        )
    if launches.nodes * launches.tasks_per_node != 1:
        raise MitofmError(
            f"hydra.launcher.nodes={launches.nodes} tasks_per_node={launches.tasks_per_node}: a cell is one task on one "
            "node, which starts a process for each of its trainer.devices itself. Leave both out"
        )
    gpus = launches.gpus_per_node
    if trainer.accelerator != "cpu" and gpus != devices and (gpus is not None or devices > 1):
        raise MitofmError(
            f"trainer.devices={devices}, but a job is given hydra.launcher.gpus_per_node={gpus or 'null'}: "
            "give both the same number (or trainer.accelerator=cpu)"
        )
    if settings.on_error == "raise":
        raise MitofmError(
            "on_error=raise cannot stop the other jobs of hydra/launcher=slurm: leave it out, or scancel them"
        )


def count_processes(n_jobs: int) -> int:
    """The number of processes that `hydra.launcher.n_jobs` asks for: -1 is one per core."""
    return n_jobs if n_jobs > 0 else devices.count_cores()


def claim_place(config: DictConfig) -> bool:
    """Pin a process of the launcher `local` to its part of the machine. True if this process runs all cells of a sweep in turn."""
    launcher = HydraConfig.get().launcher
    if "n_jobs" in launcher:
        devices.claim(count_processes(launcher.n_jobs), cpu_only=config.trainer.accelerator == "cpu")
    return launcher._target_.endswith("BasicLauncher")
