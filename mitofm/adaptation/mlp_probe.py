"""MLP probe: one hidden layer on standardised embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor, nn

from mitofm.adaptation.frozen import Head, Labelled, Rows
from mitofm.adaptation.networks import NetworkProbe
from mitofm.errors import MitofmError


class Standardise(nn.Module):
    """Features of mean 0 and standard deviation 1."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    def forward(self, features: Tensor) -> Tensor:
        """(n, D) -> (n, D)."""
        return (features - self.mean) / self.std


@dataclass(frozen=True)
class MLPHead(Head):
    """relu(hidden_weight · x + hidden_bias) · weight + bias.

    Attributes:
        hidden_weight: float32 (H, D).
        hidden_bias: float32 (H,).
        weight: float32 (H,).
        bias: float32 (1,).
    """

    hidden_weight: np.ndarray
    hidden_bias: np.ndarray
    weight: np.ndarray
    bias: np.ndarray

    def logits(self, embeddings: np.ndarray | Rows) -> np.ndarray:
        """See `Head.logits`."""
        hidden = np.maximum(embeddings[:] @ self.hidden_weight.T + self.hidden_bias, 0)
        return (hidden @ self.weight + self.bias).astype(np.float64)

    @property
    def width(self) -> int:
        """See `Head.width`."""
        return self.hidden_weight.shape[1]


class MLPProbe(NetworkProbe[MLPHead]):
    """A hidden layer of rectified units and a linear output, which is the logit.

    Args:
        name: of the adaptation.
        hidden: units of the hidden layer.
        weight_decay: this and the rest as `NetworkProbe` has them.
    """

    head = MLPHead

    def __init__(
        self,
        name: str,
        hidden: int,
        weight_decay: Sequence[float],
        weight_decay_without_choice: float,
        lr: float,
        steps: int,
        batch_size: int,
        folds: int = 5,
        views: int = 1,
    ) -> None:
        super().__init__(name, weight_decay, weight_decay_without_choice, lr, steps, batch_size, folds, views)
        if hidden < 1:
            raise MitofmError(f"adaptation.hidden={hidden}: give at least one unit")
        self.hidden = hidden

    def path(
        self, train: Labelled, values: Sequence[float], *, balanced: bool, seed: int, device: str
    ) -> list[MLPHead]:
        """See `Choosing.path`."""
        in_memory = Labelled(train.embeddings[:], train.labels, train.slides)
        return super().path(in_memory, values, balanced=balanced, seed=seed, device=device)

    def network(self, mean: Tensor, std: Tensor) -> nn.Module:
        """See `NetworkProbe.network`."""
        layers = (nn.Linear(len(mean), self.hidden), nn.ReLU(), nn.Linear(self.hidden, 1))
        return nn.Sequential(Standardise(mean, std), *layers, nn.Flatten(0))

    def head_of(self, network: Any, notes: dict[str, Any]) -> MLPHead:
        """See `NetworkProbe.head_of`; the standardisation becomes part of the hidden layer."""
        standardise, hidden, _, output, _ = network
        weight = hidden.weight.detach() / standardise.std
        bias = hidden.bias.detach() - weight @ standardise.mean
        arrays = (weight, bias, output.weight.detach()[0], output.bias.detach())
        return MLPHead(*(array.numpy() for array in arrays), notes=notes)
