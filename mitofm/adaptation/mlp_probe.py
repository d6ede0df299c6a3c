"""MLP probe: one hidden layer on standardised embeddings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor, nn

from mitofm.adaptation.networks import Moments, NetworkHead, NetworkProbe
from mitofm.ground.settings import Count


@dataclass(frozen=True)
class MLPHead(NetworkHead):
    """relu(hidden_weight · x + hidden_bias) · weight + bias, all of them float32."""

    hidden_weight: np.ndarray  # (H, D)
    hidden_bias: np.ndarray  # (H,)
    weight: np.ndarray  # (H,)
    bias: np.ndarray  # (1,)

    @staticmethod
    def forward(features: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
        """See `NetworkHead.forward`: features (n, D)."""
        hidden = features @ parameters["hidden_weight"].mT + parameters["hidden_bias"].unsqueeze(1)
        return (hidden.relu() @ parameters["weight"].unsqueeze(2)).squeeze(2) + parameters["bias"]


class MLPProbe(NetworkProbe[MLPHead]):
    """A hidden layer of rectified units and a linear output, which is the logit.

    Args:
        hidden: units of the hidden layer.
        name, more: see `NetworkProbe`.
    """

    head = MLPHead

    def __init__(self, name: str, hidden: Count, **more: Any) -> None:
        super().__init__(name, **more)
        self.hidden = hidden

    def initialise(self, width: int) -> dict[str, Tensor]:
        """See `NetworkProbe.initial`."""
        hidden, output = nn.Linear(width, self.hidden), nn.Linear(self.hidden, 1)
        drawn = {**hidden.state_dict(prefix="hidden_"), **output.state_dict()}
        return {**drawn, "weight": drawn["weight"][0]}

    def undo_standardisation(self, parameters: Mapping[str, Tensor], moments: Moments) -> dict[str, Tensor]:
        """See `NetworkProbe.undo_standardisation`."""
        weight = parameters["hidden_weight"] / moments.std
        bias = parameters["hidden_bias"] - weight @ moments.mean
        return {**parameters, "hidden_weight": weight, "hidden_bias": bias}
