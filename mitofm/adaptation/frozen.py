"""The interface of frozen modes: a classifier fitted to features that never change."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from mitofm.ground.errors import MitofmError

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Rows:
    """Some rows of features, read when they are asked for."""

    of: Any  # features of samples that an int array of rows gives: float32 (N, D), or tokens (N, T, D)
    rows: np.ndarray  # int (n,)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: Any) -> np.ndarray:
        return self.of[self.rows[index]]


@dataclass(frozen=True)
class Labelled:
    """Features of labelled samples."""

    embeddings: np.ndarray | Rows  # float32 (n, D), or the patch tokens (n, T, D) for a mode of tokens
    labels: np.ndarray  # int (n,), 0 or 1
    slides: np.ndarray  # (n,), the unit of independence of each sample
    shares: np.ndarray | None = None  # float64 (n,), of the experts who called a sample positive: fitted to if given

    def __len__(self) -> int:
        return len(self.labels)

    def select(self, rows: np.ndarray) -> Labelled:
        """Some of these samples; their features are not read yet."""
        shares = None if self.shares is None else self.shares[rows]
        return Labelled(Rows(self.embeddings, rows), self.labels[rows], self.slides[rows], shares)

    @property
    def targets(self) -> np.ndarray:
        """What a head is fitted to, from 0 to 1: float64 (n,). Class weights, folds and choices use the labels."""
        return self.labels.astype(np.float64) if self.shares is None else self.shares

    def class_weights(self, balanced: bool) -> np.ndarray:
        """The weights of a sample of class 0 and of class 1, float64 (2,): 1, or if balanced each class weighs n / 2."""
        return len(self) / (2 * np.bincount(self.labels, minlength=2)) if balanced else np.ones(2)


@dataclass(frozen=True)
class Head(ABC):
    """A fitted frozen mode: a dataclass whose fields are the arrays of its checkpoint, and `notes` on what was chosen."""

    notes: dict[str, Any] = field(default_factory=dict, kw_only=True)  # for the cell's record

    @abstractmethod
    def logits(self, embeddings: np.ndarray | Rows) -> np.ndarray:
        """Log-odds of the positive class, as the mode defines them: features of n samples -> float64 (n,)."""

    @staticmethod
    def predict(heads: Sequence[Any], embeddings: np.ndarray | Rows) -> np.ndarray:
        """The logits of several heads of one class and one fit for the same samples: float64 (heads, n)."""
        return np.stack([head.logits(embeddings) for head in heads])

    @property
    def width(self) -> int:
        """D, the width of the features it was fitted to: the last dimension of its first array."""
        return next(iter(self.state().values())).shape[-1]

    @property
    def trained_parameters(self) -> int:
        """How many numbers were fitted."""
        return sum(array.size for array in self.state().values())

    def state(self) -> dict[str, np.ndarray]:
        """What a checkpoint holds."""
        return {one.name: getattr(self, one.name) for one in fields(self) if one.name != "notes"}


@dataclass(frozen=True)
class AffineHead(Head):
    """Logits that are affine in the embeddings."""

    weight: np.ndarray  # float64 (D,)
    bias: np.ndarray  # float64 (1,)

    def logits(self, embeddings: np.ndarray | Rows) -> np.ndarray:
        """See `Head.logits`."""
        return embeddings[:].astype(np.float64) @ self.weight + self.bias


class FrozenAdaptation(ABC):
    """A mode that leaves the backbone alone.

    Args:
        name: of the adaptation.
        views: 8 averages the features over the eight dihedral views of each patch, 1 takes the patch as it is.
    """

    head: ClassVar[type[Head]]  # what it fits
    of_tokens: ClassVar[bool] = False  # whether it sees patch tokens in place of embeddings

    def __init__(self, name: str, views: Literal[1, 8] = 1) -> None:
        self.name = name
        self.views = views

    def embedder(self, backbone: nn.Module) -> nn.Module:
        """What turns patches into the features this mode sees."""
        from mitofm.backbones.views import DihedralMean

        return DihedralMean(backbone) if self.views == 8 else backbone

    @abstractmethod
    def fit(
        self, train: Labelled, validation: Labelled | None, *, balanced: bool, seed: int, device: str = "cpu"
    ) -> Head:
        """Fit on `train`, samples of both classes; choose on `validation`, or inside `train` if that is None (contract 4).

        Args:
            balanced: whether classes weigh the same, however frequent.
            seed: of the cell.
            device: where networks are trained.
        """

    def load(self, state: Mapping[str, Any], width: int) -> Head:
        """The head that a checkpoint's `state` describes, to be used on features of this `width`.

        Raises:
            MitofmError: it holds more or less than this mode stores, or was fitted to features of another width.
        """
        stored = {one.name for one in fields(self.head)} - {"notes"}
        if stored != state.keys():
            odd = ", ".join(sorted(stored ^ state.keys()))
            raise MitofmError(f"this checkpoint is not one of adaptation {self.name!r}: it differs in {odd}")
        head = self.head(**dict(state))
        if head.width != width:
            raise MitofmError(
                f"this checkpoint of adaptation {self.name!r} is for embeddings of width {head.width}, and this backbone "
                f"gives {width}: it belongs to another backbone or embedding recipe"
            )
        return head
