"""Attentive probe: one learned query decides how much each patch token counts, then a linear output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mitofm.adaptation.networks import Moments, NetworkHead, NetworkProbe


@dataclass(frozen=True)
class AttentiveHead(NetworkHead):
    """Logits that are affine in the mean of the tokens under the attention of a query, all of it float32."""

    query: np.ndarray  # (D,)
    weight: np.ndarray  # (D,)
    bias: np.ndarray  # (1,)

    @staticmethod
    def forward(features: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
        """See `NetworkHead.forward`: tokens (n, T, D). Each token has a logit, and attention weighs their mean."""
        attention = torch.softmax(features @ parameters["query"].T, dim=1)
        logits = features @ parameters["weight"].T
        return (attention * logits).sum(dim=1).T + parameters["bias"]


class AttentiveProbe(NetworkProbe[AttentiveHead]):
    """One query over the patch tokens and a linear output, which is the logit; class and register tokens are not seen.

    It starts as a linear classifier of the plain mean of the tokens, standardised by how that mean differs between samples.
    Tokens differ far more among themselves, by their place alone, which would hide it. Arguments: see `NetworkProbe`.
    """

    head = AttentiveHead
    of_tokens = True

    def embedder(self, backbone: Any) -> nn.Module:
        """The patch tokens; see `FrozenAdaptation.embedder`."""
        from mitofm.backbones.tokens import PatchTokens

        return super().embedder(PatchTokens(backbone))

    def initialise(self, width: int) -> dict[str, Tensor]:
        """See `NetworkProbe.initial`; nothing here is random."""
        return {"query": torch.zeros(width), "weight": torch.zeros(width), "bias": torch.zeros(1)}

    def undo_standardisation(self, parameters: Mapping[str, Tensor], moments: Moments) -> dict[str, Tensor]:
        """See `NetworkProbe.undo_standardisation`; the softmax does not see the mean of the tokens."""
        weight = parameters["weight"] / moments.spread
        bias = parameters["bias"] - (weight @ moments.mean).unsqueeze(1)
        return {"query": parameters["query"] / moments.std, "weight": weight, "bias": bias}
