"""What a cell is made of once its config is resolved, and what fitting it gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mitofm.backbones.spec import BackboneSpec
from mitofm.backbones.weights import Weights
from mitofm.data.order import batches_per_pass
from mitofm.data.patches import PatchStore
from mitofm.data.splits.part import Split
from mitofm.ground.errors import MitofmError
from mitofm.training.settings import Fit, Forward, Settings, Trainer

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}


@dataclass(frozen=True, kw_only=True)
class Seen:
    """Patches, and the backbone that sees them: what a forward pass takes.

    Attributes:
        fit: what a forward pass takes of the group `fit`; all of it in a cell.
        trainer: the group `trainer`.
        seed: of all streams.
        store: the patches.
        spec: the backbone.
        weights: its weights.
        cache: where embeddings are shared.
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
        """The first device of the accelerator asked for.

        Raises:
            MitofmError: a GPU is asked for, and torch sees none.
        """
        asked, there = self.trainer.accelerator, torch.cuda.is_available()
        if asked == "cuda" and not there:
            raise MitofmError(
                f"trainer.accelerator=cuda, but torch {torch.__version__} sees no GPU here: `mitofm doctor` shows what it "
                "sees; trainer.accelerator=auto takes the CPU where there is none"
            )
        return torch.device("cuda" if there and asked != "cpu" else "cpu")

    @property
    def backbone_fingerprint(self) -> str:
        """Names the embeddings of the frozen backbone."""
        drawn_from = self.seed if self.spec.weights == "random" else None
        return self.spec.fingerprint(self.weights.sha256, self.fit.precision, drawn_from)


@dataclass(frozen=True, kw_only=True)
class Cell(Seen):
    """One cell, ready to be fitted.

    Attributes:
        settings: all that its config says; `fit` and `trainer` are of them, and `seed` is that of training.
        split: which patches are bought for what.
        folder: where results go.
        validation_decides: whether the validation cells are enough to choose on.
    """

    fit: Fit
    settings: Settings
    split: Split
    folder: Path
    validation_decides: bool

    @property
    def balanced(self) -> bool:
        """Whether the classes weigh the same."""
        return self.fit.class_weight == "balanced"

    def rows(self, part: str) -> np.ndarray:
        """Rows of the store on one side of the split."""
        return self.split.rows(part)

    @property
    def shares(self) -> np.ndarray | None:
        """What is trained towards in place of labels, if votes are: float64 (N,), by row of the store, from 0 to 1."""
        frame = self.split.frame
        return frame["target"].to_numpy() if "target" in frame else None

    def samples_in(self, steps: int) -> int:
        """Training cells that so many steps see, repetitions counted."""
        n = len(self.rows("train"))
        return steps * n // batches_per_pass(n, self.fit.batch_size)


@dataclass(frozen=True)
class Outcome:
    """What fitting a cell gives.

    Attributes:
        validation_logits: float64, in the order of the validation rows.
        test_logits: float64, in the order of the test rows.
        trained_parameters: how many numbers were trained.
        samples_seen: training samples seen, repetitions and trials counted.
        pieces: in how many a training batch passed through the classifier.
        peak_memory_mb: of training, where another process did it.
        earlier_seconds: of sessions that were interrupted.
        notes: what was chosen on the way.
    """

    validation_logits: np.ndarray
    test_logits: np.ndarray
    trained_parameters: int
    samples_seen: int
    pieces: int = 1
    peak_memory_mb: float = 0.0
    earlier_seconds: float = 0.0
    notes: dict[str, Any] = field(default_factory=dict)
