"""AUROC of the validation logits of all ranks, computed from the logits themselves."""

from __future__ import annotations

import mitofm.ground.torchvision_shim  # noqa: F401  before anything imports torchvision

# isort: split

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from mitofm.evaluation.metrics import auroc


class ValidationAUROC(Metric):
    """Collects logits; torchmetrics joins those of all ranks.

    The AUROC of torchmetrics takes numbers in [0, 1] for probabilities, applies a sigmoid to all others and computes in
    float32: logits beyond 36.8 would be ties.
    """

    full_state_update = False
    logits: list[Tensor]
    labels: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        for name in ("logits", "labels"):
            self.add_state(name, [], dist_reduce_fx="cat")

    def update(self, logits: Tensor, labels: Tensor) -> None:
        """Add a batch: (B,) each, labels 0 or 1."""
        self.logits.append(logits.detach().double())
        self.labels.append(labels)

    def compute(self) -> Tensor:
        """The AUROC: float64 (), NaN if there is one class."""
        labels, logits = (dim_zero_cat(one).cpu().numpy() for one in (self.labels, self.logits))
        return torch.tensor(float(auroc(labels, logits)), dtype=torch.float64, device=self.device)
