"""MLP probe: one hidden layer on standardised embeddings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor, nn

from mitofm.adaptation.networks import Moments, NetworkHead, NetworkProbe
from mitofm.ground.errors import MitofmError


@dataclass(frozen=True)
class MLPHead(NetworkHead):
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

    @staticmethod
    def forward(features: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
        """See `NetworkHead.forward`: features (n, D)."""
        hidden = features @ parameters["hidden_weight"].mT + parameters["hidden_bias"].unsqueeze(1)
        return (hidden.relu() @ parameters["weight"].unsqueeze(2)).squeeze(2) + parameters["bias"]


class MLPProbe(NetworkProbe[MLPHead]):
    """A hidden layer of rectified units and a linear output, which is the logit.

    Args:
        hidden: units of the hidden layer.
        name, network: arguments of `NetworkProbe`.
    """

    head = MLPHead

    def __init__(self, name: str, hidden: int, **network: Any) -> None:
        super().__init__(name, **network)
        if hidden < 1:
            raise MitofmError(f"adaptation.hidden={hidden}: give at least one unit")
        self.hidden = hidden

    def initialise(self, width: int) -> dict[str, Tensor]:
        """See `NetworkProbe.initial`."""
        hidden, output = nn.Linear(width, self.hidden), nn.Linear(self.hidden, 1)
        arrays = {"hidden_weight": hidden.weight, "hidden_bias": hidden.bias, "weight": output.weight[0]}
        return {name: one.detach() for name, one in (arrays | {"bias": output.bias}).items()}

    def undo_standardisation(self, parameters: Mapping[str, Tensor], moments: Moments) -> dict[str, Tensor]:
        """See `NetworkProbe.undo_standardisation`."""
        weight = parameters["hidden_weight"] / moments.std
        shifted = {"hidden_weight": weight, "hidden_bias": parameters["hidden_bias"] - weight @ moments.mean}
        return {**parameters, **shifted}
