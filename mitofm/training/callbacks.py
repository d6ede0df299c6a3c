"""Callbacks of a training: keep the best weights, stop early, average weights, save a resume file."""

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
    """Keeps in `file` the trained weights of the check with the highest validation AUROC, the first of equal ones."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.auroc = float("-inf")
        self.step = 0

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save if this check is the best so far."""
        auroc = float(trainer.callback_metrics["validation/auroc"])
        if auroc > self.auroc:
            self.auroc, self.step = auroc, trainer.global_step
            if trainer.is_global_zero:
                save_tensors(self.file, _trained_tensors(pl_module))

    def state_dict(self) -> dict[str, Any]:
        """The best check so far, for the resume file."""
        return {"auroc": self.auroc, "step": self.step}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a resume file. If `file` is newer, its check is reached again and overwrites it."""
        self.auroc, self.step = state_dict["auroc"], state_dict["step"]


class Patience(EarlyStopping):
    """Stops after `patience` checks without a better validation AUROC, also if a stopped cell is resumed."""

    def __init__(self, patience: int) -> None:
        super().__init__("validation/auroc", mode="max", patience=patience, check_finite=False)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop again: Lightning does not save that it has stopped, and would train to the next check."""
        trainer.should_stop = self.wait_count >= self.patience


class MovingAverage(pl.Callback):
    """Keeps an exponential moving average of the trained weights, which validation uses and training does not.

    Args:
        decay: of the average; in the first steps min(decay, (1 + step) / (10 + step)), so that the start soon counts little.
    """

    def __init__(self, decay: float) -> None:
        self.decay = decay
        self.average: dict[str, Tensor] = {}

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start from the weights, or from the average of the resume file."""
        for name, value in _trained_tensors(pl_module).items():
            self.average[name] = self.average.get(name, value).to(value.device, copy=True)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Update the average after a step."""
        decay = min(self.decay, (1 + trainer.global_step) / (10 + trainer.global_step))
        for name, value in _trained_tensors(pl_module).items():
            if value.is_floating_point():
                self.average[name].lerp_(value, 1 - decay)
            else:  # a batch norm's counter
                self.average[name].copy_(value)

    def swap(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Exchange the weights and their average."""
        for name, value in _trained_tensors(pl_module).items():
            held = value.clone()
            value.copy_(self.average[name])
            self.average[name].copy_(held)

    on_validation_start = on_validation_end = swap

    def state_dict(self) -> dict[str, Any]:
        """The average, for the resume file."""
        return {"average": self.average}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a resume file."""
        self.average = state_dict["average"]


class SaveToResume(pl.Callback):
    """Saves the whole state of training every `seconds`, after a step and the check that may follow it.

    A signal that asks the process to stop (SIGTERM of a preemption or a kill, SIGUSR1 or SIGUSR2 of a time limit, Ctrl-C) takes
    effect after the current step: the state is saved, and the earlier handler of the signal is called. If there is none, or
    it does not stop the process, the process ends with 128 + signal. Must be the last callback, to save the state of all
    others.

    Args:
        file: the resume file.
        seconds: least time between two saves; 0 saves after every step.
        check_every: steps between two checks of the validation samples; 0 if there are no checks.
    """

    SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGINT)

    def __init__(self, file: Path, seconds: float, check_every: int) -> None:
        self.file = file
        self.seconds = seconds
        self.check_every = check_every
        self.earlier = 0.0
        """Seconds that earlier sessions trained, up to their last save."""
        self._started = self._last = time.monotonic()
        self._signal = 0
        self._handlers: dict[int, Any] = {}

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Handle signals in place of Lightning, which would not save and under Slurm would not stop."""
        if threading.current_thread() is threading.main_thread():
            self._handlers = trainer._signal_connector._original_handlers  # Lightning restores them when training ends
            # Who ignores Ctrl-C is told otherwise, by whoever started it.
            ignored = self._handlers.get(signal.SIGINT) is signal.SIG_IGN
            for number in self.SIGNALS[: -1 if ignored else None]:
                signal.signal(number, self._note_signal)

    def state_dict(self) -> dict[str, Any]:
        """The seconds trained so far, for the resume file."""
        return {"seconds": self.earlier + time.monotonic() - self._started}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a resume file."""
        self.earlier = state_dict["seconds"]

    def _note_signal(self, number: int, frame: Any) -> None:
        if number == self._signal == signal.SIGINT:
            raise KeyboardInterrupt  # again: at once
        if number == signal.SIGINT:
            _log.warning("Ctrl-C: saving after this step; again ends it at once")
        self._signal = number

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save, unless a check follows: then save after it."""
        if not (self.check_every and trainer.global_step % self.check_every == 0):
            self._save(trainer)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save after a check."""
        self._save(trainer)

    def _save(self, trainer: pl.Trainer) -> None:
        received, due = self._signal, time.monotonic() - self._last >= self.seconds
        strategy = trainer.strategy  # ranks stop together and save together
        stop = strategy.reduce_boolean_decision(received != 0, all=False)
        if not stop and not strategy.reduce_boolean_decision(due, all=False):
            return
        if trainer.is_global_zero:
            with replacing(self.file) as temporary:
                trainer.save_checkpoint(temporary)
        else:
            trainer.save_checkpoint(self.file)  # writes nothing, but waits for the rank that does
        self._last = time.monotonic()
        if stop:
            received = received or signal.SIGTERM
            _log.warning("asked to stop by %s: saved at step %d", signal.Signals(received).name, trainer.global_step)
            handler = self._handlers.get(received)
            if callable(handler) and handler is not signal.default_int_handler:
                handler(received, None)
            raise SystemExit(128 + received)


def _trained_tensors(pl_module: pl.LightningModule) -> dict[str, Tensor]:
    assert isinstance(pl_module, CellModule)
    return pl_module.adaptation.state(pl_module.classifier)
