"""Trainings at a constant rate are the same up to the cool-down of the shorter: it leaves there the state that the longer goes on from."""

from __future__ import annotations

import mitofm.ground.torchvision_shim  # noqa: F401  before anything imports torchvision

# isort: split

import logging
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytorch_lightning as pl
from xxhash import xxh3_128_hexdigest

from mitofm.ground import context, fingerprints
from mitofm.ground.files import replacing, write_text
from mitofm.ground.stowed import fetch, stow
from mitofm.training.budget import Budget
from mitofm.training.cell import Cell
from mitofm.training.checkpoint import CURVES, RESUME
from mitofm.training.saved import BRANCHES, STATE, is_whole
from mitofm.training.settings import PROTOCOL_VERSION

_NOT_SHARED = ("name", "max_steps", "cooldown")  # keys of `fit` that cells of one constant rate may differ in

_log = logging.getLogger(__name__)


def go_on(cell: Cell, budget: Budget, pieces: int) -> None:
    """Let a training that has not begun resume from the last state that a shorter one at the same constant rate has left."""
    folder, resume = _find_folder(cell, pieces), cell.folder / RESUME
    if resume.is_file():
        return
    passed = [step for file in folder.glob(f"*{STATE}") if (step := int(file.stem)) <= _find_end(budget)]
    for step in sorted(passed, reverse=True):
        kept = folder / f"{step}{STATE}"
        try:
            if not is_whole(kept):
                _log.warning("%s is damaged: it is not gone on from", kept)
                continue
            if curves := fetch(kept.with_suffix(".curves")):
                write_text(cell.folder / CURVES, curves[0])
            with replacing(resume) as temporary:
                shutil.copyfile(kept, temporary)
        except OSError as error:
            _log.warning("%s is not gone on from: %s", kept, error)
            continue
        _log.info("goes on from step %d of a shorter training at the same constant rate", step)
        return


class KeepBranch(pl.Callback):
    """Keeps the state of a training when its cool-down begins, for cells that train longer. What hinders that hinders no cell.

    Must come after the callbacks that log losses and average weights: it keeps their states of this step.

    Args:
        pieces: into how many pieces a batch is cut.
    """

    def __init__(self, cell: Cell, budget: Budget, pieces: int) -> None:
        self._step, self._curves = _find_end(budget), cell.folder / CURVES
        self._file = _find_folder(cell, pieces) / f"{self._step}{STATE}"

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Keep the state, once."""
        if trainer.global_step != self._step:
            return
        if not trainer.is_global_zero:
            trainer.save_checkpoint(self._file)  # writes nothing, but waits for the rank that does
            return
        saved = False
        try:
            if self._curves.is_file():
                stow(self._file.with_suffix(".curves"), self._curves.read_bytes().decode())
            with replacing(self._file) as temporary:
                trainer.save_checkpoint(temporary)
                saved = True
        except (OSError, RuntimeError) as error:  # torch has an error of its own for a full disk
            _log.warning("%s is not kept: %s", self._file, error)
            if not saved:
                trainer.strategy.barrier()  # where the other ranks wait


def _find_end(budget: Budget) -> int:
    """The last step at the constant rate."""
    return budget.steps - (budget.cooldown or 0)


def _find_folder(cell: Cell, pieces: int) -> Path:
    """The states of all trainings whose steps at the constant rate are the same, to the last digit but for the machine."""
    config, trainer = cell.settings.config, cell.trainer
    fit = {key: value for key, value in config["fit"].items() if key not in _NOT_SHARED}
    trained = xxh3_128_hexdigest(pd.util.hash_pandas_object(cell.split.frame).to_numpy().tobytes())
    machine = [cell.device.type, trainer.devices, trainer.threads, pieces, trainer.gradient_checkpointing]
    parts = [
        cell.validation_decides,  # a warm start may choose by the validation samples
        config["adaptation"],
        config["augment"],
        fit,
        cell.seed,
        cell.store.key,
        cell.backbone_fingerprint,
        trained,
        machine,
    ]
    return cell.cache / BRANCHES / fingerprints.of([PROTOCOL_VERSION, context.of_code(), *parts])[:32]
