"""A cell ready to be fitted, and the outcome of its fit."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mitofm.adaptation.gradient import Classifier
from mitofm.backbones.spec import BackboneSpec
from mitofm.backbones.weights import Weights
from mitofm.data.order import batches_per_pass
from mitofm.data.patches import PatchStore
from mitofm.data.splits.part import Split
from mitofm.ground.errors import MitofmError
from mitofm.training.settings import Fit, Forward, Settings, Trainer

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """The inputs of a forward pass: patches, and the backbone that they pass through.

    Attributes:
        fit: the keys of the group `fit` that a forward pass needs; all of them in a cell.
        seed: of all random streams.
        cache: folder of the embeddings that cells share.
    """

    fit: Forward
    trainer: Trainer
    seed: int
    store: PatchStore
    spec: BackboneSpec
    weights: Weights
    cache: Path

    @property
    def autocast(self) -> torch.dtype:
        """The precision of forward passes."""
        return PRECISIONS[self.fit.precision]

    @property
    def device(self) -> torch.device:
        """The device of `trainer.accelerator`.

        Raises:
            MitofmError: it is a GPU, and torch sees none.
        """
        accelerator, available = self.trainer.accelerator, torch.cuda.is_available()
        if accelerator == "cuda" and not available:
            raise MitofmError(
                f"trainer.accelerator=cuda, but torch {torch.__version__} sees no GPU here: `mitofm doctor` shows what it "
                "sees; trainer.accelerator=auto takes the CPU if there is none"
            )
        return torch.device("cuda" if available and accelerator != "cpu" else "cpu")

    @property
    def backbone_fingerprint(self) -> str:
        """The fingerprint of the embeddings of the frozen backbone."""
        drawn_from = self.seed if self.spec.weights == "random" else None
        return self.spec.fingerprint(self.weights.sha256, self.fit.precision, drawn_from)


@dataclass(frozen=True, kw_only=True)
class Cell(Inputs):
    """One cell, ready to be fitted.

    Attributes:
        settings: its whole config; `fit` and `trainer` are parts of it, and `seed` is that of training.
        split: the part of each patch.
        validation_decides: whether the validation samples are enough to choose on.
    """

    fit: Fit
    settings: Settings
    split: Split
    folder: Path
    validation_decides: bool

    def rows(self, part: str) -> np.ndarray:
        """Rows of the store in one part of the split: int (n,)."""
        return self.split.rows(part)

    @property
    def shares(self) -> np.ndarray | None:
        """The share of positive votes of each row of the store, float64 (N,), to train towards; None to train towards labels."""
        frame = self.split.frame
        return frame["target"].to_numpy() if "target" in frame else None

    def count_samples(self, steps: int) -> int:
        """How many training samples that many steps see, repetitions counted."""
        n = len(self.rows("train"))
        return steps * n // batches_per_pass(n, self.fit.batch_size)


@dataclass(frozen=True)
class Trained:
    """A training whose weights are in the cell's folder.

    Attributes:
        parameters: how many numbers were trained.
        steps: optimiser steps taken; 0 for a frozen mode.
        peak_memory_mb: of a process that trained, MiB; 0 for a frozen mode.
        pieces: into how many pieces a training batch was cut for the classifier.
        earlier_seconds: of sessions that were interrupted.
        notes: choices made on the way.
        classifier: with these weights; None if another process trained it, or for a frozen mode.
    """

    parameters: int
    steps: int = 0
    peak_memory_mb: float = 0.0
    pieces: int = 1
    earlier_seconds: float = 0.0
    notes: dict[str, Any] = field(default_factory=dict)
    classifier: Classifier | None = None


@dataclass(frozen=True)
class Outcome:
    """The outcome of fitting a cell.

    Attributes:
        trained: its training.
        validation_logits: float64, in the order of the validation rows.
        test_logits: float64, in the order of the test rows.
        samples_seen: training samples seen, repetitions and trials counted.
    """

    trained: Trained
    validation_logits: np.ndarray
    test_logits: np.ndarray
    samples_seen: int
