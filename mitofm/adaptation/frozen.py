"""The interface of frozen modes: a classifier fitted to embeddings that never change."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np


@dataclass(frozen=True)
class Labelled:
    """Embeddings of labelled cells.

    Attributes:
        embeddings: float32 (n, D).
        labels: int (n,), 0 or 1.
        slides: (n,), the unit of independence of each cell.
    """

    embeddings: np.ndarray
    labels: np.ndarray
    slides: np.ndarray


@dataclass(frozen=True)
class FittedHead:
    """A fitted frozen mode: `logits(embeddings)` is affine in the embeddings.

    Attributes:
        weight: float64 (D,).
        bias: the offset.
        notes: what was chosen on the way, for the cell's record.
    """

    weight: np.ndarray
    bias: float
    notes: dict[str, Any] = field(default_factory=dict)

    def logits(self, embeddings: np.ndarray) -> np.ndarray:
        """Log-odds of the positive class: (n, D) -> float64 (n,)."""
        return embeddings.astype(np.float64) @ self.weight + self.bias

    def state(self) -> dict[str, np.ndarray]:
        """What a checkpoint holds."""
        return {"weight": self.weight, "bias": np.asarray([self.bias])}


class FrozenAdaptation(Protocol):
    """A mode that leaves the backbone alone."""

    name: str

    def fit(self, train: Labelled, validation: Labelled | None, *, balanced: bool, seed: int) -> FittedHead:
        """Fit on `train`; choose what there is to choose on `validation`, or inside `train` where it is None.

        Args:
            train: the cells that were bought for training.
            validation: the cells to choose on, if they are enough (contract 4).
            balanced: whether classes weigh the same, however frequent.
            seed: of the cell.
        """
        ...
