"""`hydra/launcher=local`: Hydra's side of it. Hydra takes launchers from the namespace package `hydra_plugins` alone.

Every program in this environment that uses Hydra imports this file as it starts, so mitofm is imported in `launch` only.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from hydra import version
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus, configure_log, filter_overrides, run_job, setup_globals
from hydra.errors import CompactHydraException
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

_log = logging.getLogger(__name__)


class LocalLauncher(Launcher):
    """Runs the cells of a sweep in `n_jobs` processes of this machine, -1 for one per core (`mitofm.commands.sweeping.parallel`)."""

    def __init__(self, n_jobs: int) -> None:
        self.n_jobs = n_jobs

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take what Hydra hands over before `launch`."""
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run one cell per list of overrides; the first has the number `initial_job_idx`."""
        from mitofm.commands.sweeping.launching import count_processes
        from mitofm.commands.sweeping.parallel import run_all

        setup_globals()
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        Path(self.config.hydra.sweep.dir).mkdir(parents=True, exist_ok=True)
        cells = [Cell(*each) for each in enumerate(job_overrides, initial_job_idx)]
        _log.info("Launching %d jobs in %d processes", len(cells), min(count_processes(self.n_jobs), len(cells)))
        for cell in cells:
            _log.info("\t%s : %s", cell, " ".join(filter_overrides(cell.overrides)))
        run = partial(run_cell, self.hydra_context, self.task_function, self.config, str(version.getbase()))
        results = run_all(run, cells, count_processes(self.n_jobs), stop_at_error=self.config.on_error == "raise")
        ended = zip(cells, results, strict=True)
        return [_report_failure(cell, result) if isinstance(result, Exception) else result for cell, result in ended]


class Cell(NamedTuple):
    """A cell of a sweep."""

    number: int
    overrides: Sequence[str]

    def __str__(self) -> str:
        return f"#{self.number}"


def run_cell(
    hydra_context: HydraContext, task: TaskFunction, config: DictConfig, version_base: str, cell: Cell
) -> JobReturn:
    """Compose and run a cell, in a process in which Hydra has not been started."""
    setup_globals()
    version.setbase(version_base)
    Plugins.instance()  # imports Hydra's own plugins, which makes their configs known
    composed = hydra_context.config_loader.load_sweep_config(config, list(cell.overrides))
    with open_dict(composed):
        composed.hydra.job.id = f"{composed.hydra.job.name}_{cell.number}"
        composed.hydra.job.num = cell.number
    HydraConfig.instance().set_config(composed)
    job = run_job(task, composed, "hydra.sweep.dir", "hydra.sweep.subdir", hydra_context)
    job.cfg = job.hydra_cfg = None  # no sweeper reads them, and `Plugins` imported their classes again: no pickles
    return job


def _report_failure(cell: Cell, error: Exception) -> JobReturn:
    job = JobReturn(overrides=cell.overrides, status=JobStatus.FAILED)
    job.return_value = CompactHydraException(f"mitofm: {error}")  # which Hydra shows without its traceback
    return job
