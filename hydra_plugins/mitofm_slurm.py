"""`hydra/launcher=slurm`: Hydra's side of it. Hydra takes launchers from the namespace package `hydra_plugins` alone.

Every program in this environment that uses Hydra imports this file as it starts, so mitofm and submitit are imported in `launch`
only.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from hydra import version
from hydra.core.utils import JobReturn, JobStatus, configure_log, filter_overrides, setup_globals
from hydra.errors import CompactHydraException
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.mitofm_local import Cell, run_cell

_log = logging.getLogger(__name__)


class SlurmLauncher(Launcher):
    """Runs the cells of a sweep in jobs of `cells_per_job` cells (`mitofm.commands.sweeping.jobs`); `flags` are those of the YAML."""

    def __init__(self, cells_per_job: int | None, **flags: Any) -> None:
        self.cells_per_job = cells_per_job or 1
        self.flags = {
            key: OmegaConf.to_container(one) if OmegaConf.is_config(one) else one for key, one in flags.items()
        }

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take what Hydra hands over before `launch`."""
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run one cell per list of overrides; the first has the number `initial_job_idx`."""
        from mitofm.commands.sweeping.jobs import run_in_jobs

        setup_globals()
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        sweep_dir = Path(self.config.hydra.sweep.dir)
        sweep_dir.mkdir(parents=True, exist_ok=True)
        cells = [Cell(*each) for each in enumerate(job_overrides, initial_job_idx)]
        for cell in cells:
            _log.info("\t%s : %s", cell, " ".join(filter_overrides(cell.overrides)))
        run = partial(_run, self.hydra_context, self.task_function, self.config, str(version.getbase()))
        together = [_find_shared(cell) for cell in cells]
        problems = run_in_jobs(
            run,
            [[one.number, list(one.overrides)] for one in cells],
            together,
            self.cells_per_job,
            sweep_dir,
            self.flags,
        )
        return [_report(cell, problem) for cell, problem in zip(cells, problems, strict=True)]


def _find_shared(cell: Cell) -> tuple[str, ...]:
    """The choices by which cells share patches, weights and embeddings."""
    return tuple(one for one in cell.overrides if one.lstrip("+~").startswith(("data", "backbone", "fit.precision")))


def _run(context: HydraContext, task: TaskFunction, config: DictConfig, version_base: str, cell: Sequence[Any]) -> str:
    """Run a cell; the problem that it ended with, empty if there was none."""
    try:
        job = run_cell(context, task, config, version_base, Cell(*cell))
        return "" if job.status is JobStatus.COMPLETED else str(job._return_value)
    except Exception as error:  # of composing it: the job goes on with its other cells
        return f"mitofm: {error}"


def _report(cell: Cell, problem: str) -> JobReturn:
    job = JobReturn(overrides=cell.overrides, status=JobStatus.FAILED if problem else JobStatus.COMPLETED)
    job.return_value = CompactHydraException(problem) if problem else None
    return job
