"""Callbacks of a gradient mode: keep the best weights, save what an interrupted cell resumes from."""

from __future__ import annotations

import mitofm.torchvision_shim  # noqa: F401  before anything imports torchvision

# isort: split

import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from safetensors.torch import load_file, save_file
from torch import Tensor

from mitofm.files import replacing
from mitofm.training.module import CellModule


class BestWeights(pl.Callback):
    """Keeps on disk the trained weights of the check with the highest validation AUROC; the first of equals stays.

    Args:
        file: where to keep them.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.auroc = float("-inf")
        self.step = 0

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save where this check is the best so far."""
        assert isinstance(pl_module, CellModule)
        auroc = float(trainer.callback_metrics["validation/auroc"])
        if auroc > self.auroc:
            self.auroc, self.step = auroc, trainer.global_step
            save_tensors(self.file, pl_module.adaptation.state(pl_module.classifier))

    def state_dict(self) -> dict[str, Any]:
        """What must survive an interruption."""
        return {"auroc": self.auroc, "step": self.step}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from an interruption; later weights on disk, if any, will be reached and written again."""
        self.auroc, self.step = state_dict["auroc"], state_dict["step"]


class SaveToResume(pl.Callback):
    """Saves the whole state of training every `seconds`, after a step and the check that may follow it.

    Must be the last callback, so that it saves what the others have decided.

    Args:
        file: where to save.
        seconds: least time between two saves; 0 saves after every step.
        check_every: steps between two checks of the validation cells; 0 where there are none.
    """

    def __init__(self, file: Path, seconds: float, check_every: int) -> None:
        self.file = file
        self.seconds = seconds
        self.check_every = check_every
        self._last = time.monotonic()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save, unless a check is to follow: then save after it."""
        if not (self.check_every and trainer.global_step % self.check_every == 0):
            self._save(trainer)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save after a check."""
        self._save(trainer)

    def _save(self, trainer: pl.Trainer) -> None:
        if time.monotonic() - self._last < self.seconds:
            return
        with replacing(self.file) as temporary:
            trainer.save_checkpoint(temporary)
        self._last = time.monotonic()


def save_tensors(file: Path, tensors: dict[str, Tensor]) -> None:
    """Write tensors as safetensors, atomically."""
    with replacing(file) as temporary:
        save_file({name: value.detach().cpu().contiguous() for name, value in tensors.items()}, temporary)


def load_tensors(file: Path) -> dict[str, Tensor]:
    """Read what `save_tensors` wrote."""
    return load_file(file)
