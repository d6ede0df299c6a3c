"""Lightning's training loop, set up the same for cells and for pretraining."""

from __future__ import annotations

import mitofm.ground.torchvision_shim  # noqa: F401  before anything imports torchvision

# isort: split

import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.plugins.environments import LightningEnvironment
from lightning_fabric.plugins.io import TorchCheckpointIO
from pytorch_lightning.callbacks import TQDMProgressBar

from mitofm.ground import below
from mitofm.training.callbacks import SaveToResume

_PRECISIONS: dict[str, Any] = {"fp32": "32-true", "bf16": "bf16-mixed"}
# The order of batches is a function of the step: a loader resumes without a state of its own.
_EXPECTED_WARNINGS = ".*(does not have many workers|LeafSpec|not resumable|in eval mode at the start|`srun`).*"


class _InPlace(TorchCheckpointIO):
    """Writes the state of training straight to its file.

    Lightning's own collects it in memory and then in a file in the system's folder for temporary files, gigabytes of a large
    model, which a killed process leaves there.
    """

    def save_checkpoint(self, checkpoint: Mapping[str, Any], path: str | Path, storage_options: Any = None) -> None:
        torch.save(checkpoint, path)


def run_loop(
    module: pl.LightningModule,
    data: pl.LightningDataModule | None,
    callbacks: Sequence[pl.Callback],
    save: SaveToResume,
    *,
    steps: int,
    precision: str,
    progress: bool,
    **more: Any,
) -> pl.Trainer:
    """Train `module` in place for `steps` optimiser steps, from the resume file of `save` if there is one.

    Args:
        data: its batches; None if the module itself loads them.
        callbacks: called before the progress bar and `save`.
        save: saves the state of training.
        steps: of a full run, those before an interruption included.
        precision: "fp32" or "bf16".
        more: arguments of `pl.Trainer`.

    Raises:
        KeyboardInterrupt: training was interrupted; Lightning itself only returns.
    """
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)  # devices and limits are in our own files
    bars = [TQDMProgressBar(refresh_rate=10)] if progress else []
    trainer = pl.Trainer(
        # The environment also under Slurm, which starts one task per cell, and if there is an `srun`.
        plugins=[LightningEnvironment(), _InPlace()],
        precision=_PRECISIONS[precision],
        max_steps=steps,
        max_epochs=-1,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=progress,
        callbacks=[*callbacks, *bars, save],
        default_root_dir=save.file.parent,
        **more,
    )
    below.check(save.file)
    filling: Any = torch.utils.deterministic
    filling.fill_uninitialized_memory = False  # `deterministic` would write most of what is allocated twice
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=_EXPECTED_WARNINGS)
        trainer.fit(module, datamodule=data, ckpt_path=save.file if save.file.is_file() else None, weights_only=True)
    if trainer.interrupted:
        raise KeyboardInterrupt
    return trainer
