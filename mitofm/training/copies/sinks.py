"""The copies of a cell that its settings ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from mitofm.training.cell import Cell
from mitofm.training.checkpoint import CURVES
from mitofm.training.copies.lightning_run import LightningRun, import_mlflow, open_mlflow, open_tensorboard
from mitofm.training.copies.metric_copies import Copies, Curves, InTime, Sink
from mitofm.training.copies.wandb_run import WandbRun

_PATIENCE = 4.0  # seconds that a server may hold up the end of a cell


def open_copies(cell: Cell, cell_id: str, labels: Mapping[str, Any]) -> Copies:
    """All of them; one that cannot be opened is left out with a warning."""
    settings, name = cell.settings, cell.folder.name
    runs, config = settings.paths.runs, settings.config
    openers: list[Callable[[], Sink]] = []
    if settings.logger.csv:
        openers.append(partial(Curves, cell.folder / CURVES))
    if settings.logger.wandb:
        run = partial(WandbRun, settings.logger, cell_id, name, settings.study, labels, config, runs)
        openers.append(partial(InTime, run, "W&B", seconds=_PATIENCE))
    if settings.logger.tensorboard:
        openers.append(lambda: LightningRun(open_tensorboard(settings.study, name, runs), labels, config))
    if settings.logger.mlflow:
        asked = partial(open_mlflow, settings.logger.project, cell_id, name, settings.study, runs)
        openers.append(lambda: _open_mlflow(lambda: LightningRun(asked(), labels, config)))
    return Copies(openers)


def _open_mlflow(opener: Callable[[], Sink]) -> Sink:
    import_mlflow()
    return InTime(opener, "MLflow", seconds=_PATIENCE)
