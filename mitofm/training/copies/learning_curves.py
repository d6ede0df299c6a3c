"""What of a training becomes points of its learning curves, in the order in which its state is saved."""

from __future__ import annotations

import mitofm.ground.torchvision_shim  # noqa: F401  before anything imports torchvision

# isort: split

from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.loggers.logger import Logger

from mitofm.training.copies.metric_copies import Copies
from mitofm.training.module import LOSS

_POINT_EVERY = 10  # steps


class LossCurve(pl.Callback):
    """Passes the loss of every tenth step on to `copies`.

    Must come before the callback that saves. Lightning itself logs a step after all callbacks: a training that is stopped or
    killed between the two would go on without the point.
    """

    def __init__(self, copies: Copies) -> None:
        self._copies = copies

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Pass on the mean over all ranks."""
        if trainer.global_step % _POINT_EVERY == 0:
            self._copies.log({LOSS: float(trainer.callback_metrics[LOSS])}, trainer.global_step)


class CheckCurve(Logger):
    """Passes the results of checks on to `copies`. Lightning logs them before any callback saves."""

    name = version = None

    def __init__(self, copies: Copies) -> None:
        self._copies = copies

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Pass on one check; Lightning counts steps from 0."""
        self._copies.log(metrics, (step or 0) + 1)

    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: the config is in the cell's folder."""
