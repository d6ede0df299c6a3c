"""Frozen modes whose head is a small network, trained with AdamW on batches; its weight decay is chosen."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mitofm.adaptation.choosing import Choosing, Fitted
from mitofm.adaptation.frozen import Labelled
from mitofm.data.order import StepOrder
from mitofm.errors import MitofmError
from mitofm.seeds import derive

_MEASURED = 1024  # cells whose features give the mean and the standard deviation


class NetworkProbe(Choosing[Fitted]):
    """Trains one network per weight decay, all of them at once, on the same batches.

    Adam's steps are taken parameter by parameter, so each network is trained as if it were alone; features, which may
    have to be read from a disk or computed, are read once for all. The learning rate rises over the first tenth of the
    steps and falls to zero along a cosine.

    Args:
        name: of the adaptation.
        weight_decay: the values to choose from, of all but the biases; AdamW's, decoupled.
        weight_decay_without_choice: what is used where the slides are too few to choose by cross-validation.
        lr: the highest learning rate; networks standardise their features, so it serves all backbones.
        steps: of training, whatever the number of cells.
        batch_size: cells per step, at most.
        folds: of the cross-validation that chooses where the validation side is too small.
        views: see `FrozenAdaptation`.
    """

    def __init__(
        self,
        name: str,
        weight_decay: Sequence[float],
        weight_decay_without_choice: float,
        lr: float,
        steps: int,
        batch_size: int,
        folds: int = 5,
        views: int = 1,
    ) -> None:
        decays = sorted((float(value) for value in weight_decay), reverse=True)
        super().__init__(name, views, "weight_decay", decays, weight_decay_without_choice, folds)
        if lr <= 0 or min(steps, batch_size) < 1:
            raise MitofmError(
                f"adaptation.lr={lr}, adaptation.steps={steps}, adaptation.batch_size={batch_size}: give a learning rate "
                "above 0, at least one step and at least one cell"
            )
        self.lr = lr
        self.steps = steps
        self.batch_size = batch_size

    @abstractmethod
    def network(self, mean: Tensor, std: Tensor) -> nn.Module:
        """A network from features to logits (n,), for features of this mean and standard deviation, float32 (D,)."""

    @abstractmethod
    def head_of(self, network: Any, notes: dict[str, Any]) -> Fitted:
        """What a trained network becomes, on the CPU."""

    def path(self, train: Labelled, values: Sequence[float], *, balanced: bool, seed: int, device: str) -> list[Fitted]:
        """See `Choosing.path`."""
        mean, std = _moments(train)
        networks, groups = [], []
        for decay in values:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(derive(seed, "initialisation", self.name))
                networks.append(self.network(mean, std).to(device))
            for name, parameter in networks[-1].named_parameters():
                groups.append({"params": [parameter], "weight_decay": 0.0 if name.endswith("bias") else decay})
        optimiser = torch.optim.AdamW(groups, self.lr)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, self.lr, self.steps, pct_start=0.1, cycle_momentum=False
        )
        class_weights = train.class_weights(balanced).astype(np.float32)
        for draws in StepOrder(len(train), self.batch_size, self.steps, derive(seed, "order", self.name)):
            rows = np.sort([row for row, _ in draws])
            labels = train.labels[rows]
            features, truth, weights = (
                torch.from_numpy(array).to(device)
                for array in (train.embeddings[rows], labels.astype(np.float32), class_weights[labels])
            )
            losses = torch.stack(
                [F.binary_cross_entropy_with_logits(network(features), truth, weights) for network in networks]
            )
            optimiser.zero_grad()
            losses.sum().backward()
            optimiser.step()
            schedule.step()
        if not torch.isfinite(losses).all():
            raise MitofmError(f"the loss of {self.name!r} is not finite: lower adaptation.lr, now {self.lr:g}")
        return [
            self.head_of(network.cpu(), {"weight_decay": decay, "loss": round(loss, 6)})
            for network, decay, loss in zip(networks, values, losses.tolist(), strict=True)
        ]


def _moments(cells: Labelled) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each feature over the cells (an even sample of many) and their tokens: (D,), (D,)."""
    rows = np.unique(np.linspace(0, len(cells) - 1, _MEASURED).round().astype(int))
    total, squares, count = np.zeros(1), np.zeros(1), 0
    for part in np.array_split(rows, -(-len(rows) // 64)):
        features = cells.embeddings[part].astype(np.float64)
        features = features.reshape(-1, features.shape[-1])
        total, squares, count = total + features.sum(0), squares + (features**2).sum(0), count + len(features)
    mean = total / count
    std = np.sqrt(np.maximum(squares / count - mean**2, 0))
    std[std <= 1e-6 * np.abs(mean)] = 1.0  # a constant feature carries nothing
    return torch.from_numpy(mean.astype(np.float32)), torch.from_numpy(std.astype(np.float32))
