"""Frozen modes whose head is a small network, trained with AdamW on batches; its weight decay is chosen."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from mitofm.adaptation.choosing import Choosing
from mitofm.adaptation.frozen import Head, Labelled, Rows
from mitofm.data.order import StepOrder
from mitofm.ground.errors import MitofmError
from mitofm.ground.seeds import derive
from mitofm.ground.settings import Count, Positive

_MEASURED = 1024  # samples whose features give the moments
_AT_ONCE = 256  # samples whose tokens are in memory at a time


@dataclass(frozen=True)
class Moments:
    """What standardises features, float32 (D,) each. The deviation of a constant feature is infinite: it is not seen."""

    mean: Tensor  # over samples and their tokens
    std: Tensor  # over samples and their tokens
    spread: Tensor  # standard deviation over samples of the mean of their tokens; `std` if features have no tokens


@dataclass(frozen=True)
class NetworkHead(Head):
    """A network as the arrays of its parameters, for features as they come: float32."""

    @staticmethod
    @abstractmethod
    def forward(features: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
        """The logits (V, n) of V networks, whose parameters are stacked along a first axis, for the same n samples."""

    def logits(self, embeddings: np.ndarray | Rows) -> np.ndarray:
        """See `Head.logits`."""
        return self.predict([self], embeddings)[0]

    @staticmethod
    def predict(heads: Sequence[NetworkHead], embeddings: np.ndarray | Rows) -> np.ndarray:
        """See `Head.predict`: features are read once."""
        states = [head.state() for head in heads]
        parameters = {name: torch.from_numpy(np.stack([state[name] for state in states])) for name in states[0]}
        logits = np.empty((len(heads), len(embeddings)))
        with torch.inference_mode():
            for start in range(0, len(embeddings), _AT_ONCE):
                block = slice(start, start + _AT_ONCE)
                logits[:, block] = heads[0].forward(torch.tensor(embeddings[block]), parameters)
        return logits


Network = TypeVar("Network", bound=NetworkHead)


class NetworkProbe(Choosing[Network]):
    """Trains one network per weight decay, all of them at once, on the same batches.

    Each network is trained as if it were alone; features, which may have to be read from a disk or computed, are read once
    for all. The learning rate rises over the first tenth of the steps and falls to zero along a cosine.

    Args:
        weight_decay: the values to choose from, of all but the biases; AdamW's, decoupled.
        lr: the highest learning rate; networks standardise their features, so it serves all backbones.
        steps: of training, whatever the number of samples.
        batch_size: samples per step, at most.
        name, weight_decay_without_choice, more: see `Choosing`.
    """

    head: ClassVar[type[NetworkHead]]

    def __init__(
        self,
        name: str,
        weight_decay: Sequence[Positive],
        weight_decay_without_choice: Positive,
        lr: Positive,
        steps: Count,
        batch_size: Count,
        **more: Any,
    ) -> None:
        decays = sorted(map(float, weight_decay), reverse=True)
        super().__init__(name, "weight_decay", decays, weight_decay_without_choice, **more)
        self.lr = lr
        self.steps = steps
        self.batch_size = batch_size

    @abstractmethod
    def initialise(self, width: int) -> dict[str, Tensor]:
        """Parameters to start from, for `width` standardised features; `bias` is the output's.

        What is random is drawn from torch's generator.
        """

    @abstractmethod
    def undo_standardisation(self, parameters: Mapping[str, Tensor], moments: Moments) -> dict[str, Tensor]:
        """The parameters that do to features as they come what `parameters` (V, ...) do to standardised ones."""

    def fit_path(
        self, train: Labelled, values: Sequence[float], *, balanced: bool, seed: int, device: str
    ) -> list[Network]:
        """See `Choosing.fit_path`."""
        if not self.of_tokens:  # embeddings fit into memory; tokens are read batch by batch
            train = replace(train, embeddings=train.embeddings[:])
        moments = _measure_moments(train, device)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(seed, "initialisation", self.name))
            start = self.initialise(len(moments.mean))
        class_weights = train.class_weights(balanced).astype(np.float32)
        weighted = class_weights[train.labels].astype(np.float64)
        negative, positive = weighted @ (1 - train.targets), weighted @ train.targets
        start["bias"] = start["bias"] + float(np.log(positive / negative))  # classes as frequent as they are
        stacked = {name: torch.stack([one] * len(values)).to(device).requires_grad_() for name, one in start.items()}
        decay = torch.tensor(values, device=device)
        optimiser = torch.optim.Adam(stacked.values(), self.lr)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, self.lr, self.steps, pct_start=0.2 if self.steps == 10 else 0.1, cycle_momentum=False
        )  # at 10 steps a tenth would be a rise of none, by which torch divides
        targets = train.targets.astype(np.float32)
        for draws in StepOrder(len(train), self.batch_size, self.steps, derive(seed, "order", self.name)):
            rows = np.sort([row for row, _ in draws])
            features, truth, weights = (
                torch.from_numpy(array).to(device)
                for array in (train.embeddings[rows], targets[rows], class_weights[train.labels[rows]])
            )
            logits = self.head.forward(features, self.undo_standardisation(stacked, moments))
            losses = F.binary_cross_entropy_with_logits(
                logits, truth.expand_as(logits), weights, reduction="none"
            ).mean(1)
            optimiser.zero_grad()
            losses.sum().backward()
            with torch.no_grad():
                for name, parameter in stacked.items():
                    if not name.endswith("bias"):
                        kept = 1 - schedule.get_last_lr()[0] * decay
                        parameter.mul_(kept.view(-1, *[1] * (parameter.ndim - 1)))
            optimiser.step()
            schedule.step()
        if not torch.isfinite(losses).all():
            raise MitofmError(
                f"the loss of {self.name!r} is not finite: lower adaptation.lr, now {self.lr:g}, or adaptation.weight_decay"
            )
        raw = self.undo_standardisation(stacked, moments)
        found = {name: value.detach().cpu().numpy() for name, value in raw.items()}
        head: Any = self.head
        notes = [
            {"weight_decay": value, "loss": round(loss, 6)} for value, loss in zip(values, losses.tolist(), strict=True)
        ]
        return [
            head(**{name: stack[row].copy() for name, stack in found.items()}, notes=note)
            for row, note in enumerate(notes)
        ]


def _measure_moments(samples: Labelled, device: str) -> Moments:
    """The moments of samples spread evenly over all."""
    rows = np.unique(np.linspace(0, len(samples) - 1, _MEASURED).round().astype(int))
    sums, count = np.zeros(1), 0
    for part in np.array_split(rows, -(-len(rows) // 64)):
        features = samples.embeddings[part].astype(np.float64)
        tokens = features.reshape(len(part), -1, features.shape[-1])
        count += len(part)
        sums = sums + np.stack([tokens.mean(1), (tokens**2).mean(1), tokens.mean(1) ** 2]).sum(1)
    mean, squares, squares_of_means = sums / count
    deviations = np.sqrt(np.maximum(np.stack([squares, squares_of_means]) - mean**2, 0))
    # Adam takes full steps along gradients of rounding errors: a constant feature must have none.
    deviations[deviations <= 1e-6 * np.abs(mean)] = np.inf
    return Moments(*(torch.from_numpy(one.astype(np.float32)).to(device) for one in (mean, *deviations)))
