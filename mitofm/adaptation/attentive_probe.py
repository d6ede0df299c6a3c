"""Attentive probe: one learned query decides how much each patch token counts, then a linear output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.special import softmax
from torch import Tensor, nn

from mitofm.adaptation.frozen import Head, Labelled, Rows
from mitofm.adaptation.networks import NetworkProbe

_CELLS = 256  # whose tokens are in memory at a time


class Attention(nn.Module):
    """softmax over tokens of (token · query), the mean of the standardised tokens under it, a linear output.

    It starts as the plain mean of the tokens.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)
        self.query = nn.Parameter(torch.zeros_like(mean))
        self.weight = nn.Parameter(torch.zeros_like(mean))
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits: (n, T, D) -> (n,). The softmax does not see the mean of the tokens, so it is taken off afterwards."""
        attention = torch.softmax(tokens @ (self.query / self.std), dim=1)
        pooled = ((attention.unsqueeze(1) @ tokens).squeeze(1) - self.mean) / self.std
        return pooled @ self.weight + self.bias


@dataclass(frozen=True)
class AttentiveHead(Head):
    """Logits that are affine in the mean of the tokens under the attention of a query.

    Attributes:
        query: float32 (D,).
        weight: float32 (D,).
        bias: float32 (1,).
    """

    query: np.ndarray
    weight: np.ndarray
    bias: np.ndarray

    def logits(self, embeddings: np.ndarray | Rows) -> np.ndarray:
        """See `Head.logits`."""
        return attend([self], embeddings)[0]

    @property
    def width(self) -> int:
        """See `Head.width`."""
        return len(self.query)


def attend(heads: Sequence[AttentiveHead], tokens: np.ndarray | Rows) -> np.ndarray:
    """The logits of several heads for the same tokens (n, T, D), each read once: float64 (heads, n)."""
    logits = np.empty((len(heads), len(tokens)))
    for start in range(0, len(tokens), _CELLS):
        block = slice(start, start + _CELLS)
        read = tokens[block]
        for row, head in enumerate(heads):
            pooled = softmax(read @ head.query, axis=1)[:, None] @ read
            logits[row, block] = pooled[:, 0] @ head.weight + head.bias
    return logits


class AttentiveProbe(NetworkProbe[AttentiveHead]):
    """One query over the patch tokens and a linear output, which is the logit; class and register tokens are not seen.

    Its arguments are those of `NetworkProbe`.
    """

    head = AttentiveHead
    of_tokens = True

    def embedder(self, backbone: Any) -> nn.Module:
        """The patch tokens; see `FrozenAdaptation.embedder`."""
        from mitofm.backbones.tokens import PatchTokens

        return super().embedder(PatchTokens(backbone))

    def network(self, mean: Tensor, std: Tensor) -> nn.Module:
        """See `NetworkProbe.network`."""
        return Attention(mean, std)

    def head_of(self, network: Any, notes: dict[str, Any]) -> AttentiveHead:
        """See `NetworkProbe.head_of`; the standardisation becomes part of query and output."""
        query, weight = network.query.detach() / network.std, network.weight.detach() / network.std
        bias = network.bias.detach() - weight @ network.mean
        return AttentiveHead(query.numpy(), weight.numpy(), bias.numpy(), notes=notes)

    def logits_of(self, heads: Sequence[AttentiveHead], cells: Labelled) -> np.ndarray:
        """See `Choosing.logits_of`: tokens are read once."""
        return attend(heads, cells.embeddings)
