"""Callbacks of a gradient mode: keep the best weights, save what an interrupted cell resumes from."""

from __future__ import annotations

import mitofm.ground.torchvision_shim  # noqa: F401  before anything imports torchvision

# isort: split

import logging
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import EarlyStopping
from torch import Tensor

from mitofm.ground.files import replacing
from mitofm.ground.tensors import save_tensors
from mitofm.training.module import CellModule

_log = logging.getLogger(__name__)


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
        auroc = float(trainer.callback_metrics["validation/auroc"])
        if auroc > self.auroc:
            self.auroc, self.step = auroc, trainer.global_step
            if trainer.is_global_zero:
                save_tensors(self.file, _trained(pl_module))

    def state_dict(self) -> dict[str, Any]:
        """What must survive an interruption."""
        return {"auroc": self.auroc, "step": self.step}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from an interruption; later weights on disk, if any, will be reached and written again."""
        self.auroc, self.step = state_dict["auroc"], state_dict["step"]


class Patience(EarlyStopping):
    """Stops after `patience` checks without a better validation AUROC, and stays stopped where a stopped cell is resumed.

    Args:
        patience: checks.
    """

    def __init__(self, patience: int) -> None:
        super().__init__("validation/auroc", mode="max", patience=patience, check_finite=False)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Lightning forgets that it has stopped: what is saved after the last check would go on to the next one."""
        trainer.should_stop = self.wait_count >= self.patience


class MovingAverage(pl.Callback):
    """Keeps an exponential moving average of what is trained; the checks of the validation cells see it, training does not.

    Args:
        decay: lower in the first steps, min(decay, (1 + step) / (10 + step)), so that the start is soon forgotten.
    """

    def __init__(self, decay: float) -> None:
        self.decay = decay
        self.average: dict[str, Tensor] = {}

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start from the weights as they are, or from where an interruption left the average."""
        for name, value in _trained(pl_module).items():
            self.average[name] = self.average.get(name, value).to(value.device, copy=True)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Follow the weights by one step."""
        decay = min(self.decay, (1 + trainer.global_step) / (10 + trainer.global_step))
        for name, value in _trained(pl_module).items():
            if value.is_floating_point():
                self.average[name].lerp_(value, 1 - decay)
            else:  # a batch norm's counter
                self.average[name].copy_(value)

    def swap(self, pl_module: pl.LightningModule) -> None:
        """Put the average in the weights' place, or the weights back in theirs."""
        for name, value in _trained(pl_module).items():
            held = value.clone()
            value.copy_(self.average[name])
            self.average[name].copy_(held)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Check the average."""
        self.swap(pl_module)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Train on with the weights."""
        self.swap(pl_module)

    def state_dict(self) -> dict[str, Any]:
        """What must survive an interruption."""
        return {"average": self.average}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from an interruption."""
        self.average = state_dict["average"]


class SaveToResume(pl.Callback):
    """Saves the whole state of training every `seconds`, after a step and the check that may follow it.

    A signal that asks the process to stop (SIGTERM of a preemption or a kill, SIGUSR1 or SIGUSR2 of a time limit) is heeded
    after the step that it meets: the state is saved, and then whoever handled the signal before has its way; where nobody
    did, or did not stop the process, it ends with 128 + signal. Must be the last callback, so that it saves what the others
    have decided.

    Args:
        file: where to save.
        seconds: least time between two saves; 0 saves after every step.
        check_every: steps between two checks of the validation cells; 0 where there are none.
    """

    SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)

    def __init__(self, file: Path, seconds: float, check_every: int) -> None:
        self.file = file
        self.seconds = seconds
        self.check_every = check_every
        self.earlier = 0.0
        """Seconds that the sessions before this one have trained, up to their last save."""
        self._started = self._last = time.monotonic()
        self._asked_by = 0
        self._before: dict[int, Any] = {}

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Listen to signals, in place of Lightning, which would not save and under Slurm would not stop."""
        if threading.current_thread() is threading.main_thread():
            self._before = trainer._signal_connector._original_handlers  # they are put back when training ends
            for number in self.SIGNALS:
                signal.signal(number, self._ask)

    def state_dict(self) -> dict[str, Any]:
        """What must survive an interruption: what the cell has cost."""
        return {"seconds": self.earlier + time.monotonic() - self._started}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from an interruption."""
        self.earlier = state_dict["seconds"]

    def _ask(self, number: int, frame: Any) -> None:
        self._asked_by = number

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
        asked_by = self._asked_by
        ranks = trainer.strategy  # which stop and save together
        stop = ranks.reduce_boolean_decision(asked_by != 0, all=False)
        due = time.monotonic() - self._last >= self.seconds
        if not stop and not ranks.reduce_boolean_decision(due, all=False):
            return
        if trainer.is_global_zero:
            with replacing(self.file) as temporary:
                trainer.save_checkpoint(temporary)
        else:
            trainer.save_checkpoint(self.file)  # writes nothing, and waits for the one that does
        self._last = time.monotonic()
        if stop:
            asked_by = asked_by or signal.SIGTERM
            _log.warning("asked to stop by %s: saved at step %d", signal.Signals(asked_by).name, trainer.global_step)
            if callable(handler := self._before.get(asked_by)):
                handler(asked_by, None)
            raise SystemExit(128 + asked_by)


def _trained(pl_module: pl.LightningModule) -> dict[str, Tensor]:
    assert isinstance(pl_module, CellModule)
    return pl_module.adaptation.state(pl_module.classifier)
