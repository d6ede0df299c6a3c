"""The loss of every gradient mode: binary cross-entropy, optionally focal and with smoothed labels."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Loss:
    """Weighted mean of |y - p|^gamma times the cross-entropy of p with y.

    With gamma 0 that is cross-entropy, above it the focal loss (Lin et al. 2017, arXiv 1708.02002), for labels between 0
    and 1 in the form of Li et al. 2020 (arXiv 2006.04388).

    Attributes:
        gamma: how much less a sample counts if its probability is right already.
        smoothing: share of each label that is spread over both.
    """

    gamma: float = 0.0
    smoothing: float = 0.0

    def __call__(self, logits: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
        """The loss of a batch: three times (B,) -> ()."""
        labels = labels * (1 - self.smoothing) + self.smoothing / 2
        losses = F.binary_cross_entropy_with_logits(logits, labels, weight=weights, reduction="none")
        # A power below 1 has an infinite slope at 0, and infinity times 0 is NaN: if p equals y, the clamp makes the slope 0.
        apart = (labels - torch.sigmoid(logits)).abs().clamp(min=torch.finfo(torch.float32).tiny)
        return (losses * apart**self.gamma).mean()
