"""One run of TensorBoard or MLflow per cell, written by Lightning's own loggers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mitofm.ground.torchvision_shim  # noqa: F401  before Lightning, which is imported for such a logger only

# isort: split
import pandas as pd

from mitofm.ground import below
from mitofm.ground.errors import MitofmError
from mitofm.ground.places import remove_places
from mitofm.training.copies.copied_names import describe_compared, spell_name, summarise
from mitofm.training.copies.metric_copies import Sink

if TYPE_CHECKING:
    from pytorch_lightning.loggers import Logger as LightningLogger

_CELL = "cell_id"


class LightningRun(Sink):
    """A copy of one cell in what a logger of Lightning writes to.

    Args:
        labels: words of the cell.
        config: of the cell.
    """

    def __init__(self, logger: LightningLogger, labels: Mapping[str, Any], config: Mapping[str, Any]) -> None:
        self._logger, self._labels, self._step = logger, labels, 0
        logger.log_hyperparams({**remove_places(config), **describe_compared(labels)})

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Log one point of the learning curves."""
        self._step = step
        self._logger.log_metrics(dict(metrics), step)

    def finish(self, metrics: Mapping[str, Any], cost: Mapping[str, Any], predictions: pd.DataFrame) -> None:
        """Log the last numbers, those that there are."""
        found = summarise(metrics, cost, self._labels)
        self._logger.log_metrics({name: value for name, value in found.items() if value is not None}, self._step)

    def close(self, failed: bool) -> None:
        """End the run; a failed cell is shown as failed."""
        self._logger.save()
        self._logger.finalize("failed" if failed else "success")


def open_tensorboard(study: str, name: str, folder: Path) -> LightningLogger:
    """Event files in `folder`/tensorboard/STUDY/NAME, which a cell that goes on continues."""
    from pytorch_lightning.loggers import TensorBoardLogger

    save_dir = below.check(folder / "tensorboard")
    try:
        return TensorBoardLogger(save_dir, name=spell_name(study), version=name)
    except ModuleNotFoundError as error:
        raise MitofmError("logger=tensorboard needs tensorboardX: pip install 'mitofm[tensorboard]'") from error


def import_mlflow() -> None:
    """Import MLflow and Lightning, which takes seconds that no server holds up; MitofmError if MLflow is not installed."""
    import pytorch_lightning.loggers  # noqa: F401

    try:
        import mlflow  # noqa: F401
    except ModuleNotFoundError as error:
        raise MitofmError("logger=mlflow needs MLflow: pip install 'mitofm[mlflow]'") from error


def open_mlflow(project: str, cell_id: str, name: str, study: str, folder: Path) -> LightningLogger:
    """A run of the experiment `project`, at MLFLOW_TRACKING_URI or in `folder`/mlflow; a cell that goes on continues its run."""
    from pytorch_lightning.loggers import MLFlowLogger

    # MLflow 3 wants a database unless told otherwise: files need none, and cells that run at once do not wait for it.
    os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
    begin = partial(MLFlowLogger, project, save_dir=str(below.check(folder / "mlflow").resolve()))
    found = _find_run(begin(), cell_id)
    return begin(run_name=name, run_id=found, tags={_CELL: cell_id, "study": study})


def _find_run(logger: Any, cell_id: str) -> str | None:
    """The run of an earlier start of the cell."""
    client = logger._mlflow_client  # `experiment` would begin a run
    experiment = client.get_experiment_by_name(logger._experiment_name)
    if experiment is None:
        return None
    runs = client.search_runs([experiment.experiment_id], f"tags.{_CELL} = '{cell_id}'", max_results=1)
    return str(runs[0].info.run_id) if runs else None
