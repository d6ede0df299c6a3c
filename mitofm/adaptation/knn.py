"""Nearest neighbours by cosine similarity, with the vote of DINO's evaluation (Caron et al. 2021, arXiv 2104.14294)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mitofm.adaptation.choosing import Choosing
from mitofm.adaptation.directions import find_centre, find_directions
from mitofm.adaptation.frozen import Head, Labelled, Rows
from mitofm.ground.settings import Count, Positive

_QUERIES = 1024  # compared with all training samples at a time


@dataclass(frozen=True)
class NeighboursHead(Head):
    """The training samples themselves."""

    centre: np.ndarray  # float32 (D,), mean of the training embeddings
    cells: np.ndarray  # float32 (n, D), directions of the training samples around it: checkpoints call them so
    votes: np.ndarray
    """float64 (n,): the class weight of each sample, negative for class 0. Or (n, 2): its weight, shared between class 0 and
    class 1 as its target says."""
    k: np.ndarray  # int (1,), how many neighbours vote
    temperature: np.ndarray  # float64 (1,), by which similarities are divided before they become weights

    def logits(self, embeddings: np.ndarray | Rows) -> np.ndarray:
        """See `Head.logits`."""
        return self.predict([self], embeddings)[0]

    @staticmethod
    def predict(heads: Sequence[NeighboursHead], embeddings: np.ndarray | Rows) -> np.ndarray:
        """See `Head.predict`: the heads differ in k alone, and the neighbours are looked up once."""
        one, ks = heads[0], [int(head.k[0]) for head in heads]
        logits = np.empty((len(ks), len(embeddings)))
        most = min(max(ks), len(one.cells))
        of_either = np.maximum([-one.votes, one.votes], 0) if one.votes.ndim == 1 else one.votes.T
        for start in range(0, len(embeddings), _QUERIES):
            block = slice(start, start + _QUERIES)
            similar = find_directions(embeddings[block], one.centre) @ one.cells.T
            nearest = np.argpartition(-similar, most - 1, axis=1)[:, :most]
            similar = np.take_along_axis(similar, nearest, axis=1).astype(np.float64)
            order = np.argsort(-similar, axis=1)
            similar = np.take_along_axis(similar, order, axis=1)
            nearest = np.take_along_axis(nearest, order, axis=1)
            votes = [of_class[nearest] for of_class in of_either]
            weights = np.exp((similar - similar[:, :1]) / one.temperature)
            for row, k in enumerate(np.minimum(ks, most)):
                shares = k * weights[:, :k] / weights[:, :k].sum(axis=1, keepdims=True)
                negative, positive = ((shares * of_class[:, :k]).sum(1) + 0.5 for of_class in votes)
                logits[row, block] = np.log(positive / negative)
        return logits

    @property
    def trained_parameters(self) -> int:
        """None: the training samples are kept, not fitted."""
        return 0


class NearestNeighbours(Choosing[NeighboursHead]):
    """The k most similar training samples vote.

    The logit is log((V₁ + ½) / (V₀ + ½)): k votes in all are shared among the neighbours in proportion to
    exp(cosine / temperature), and those of class c, each times its class weight, add up to V_c. A neighbour with a target
    between 0 and 1 divides its votes between both classes.

    Args:
        k: the numbers of neighbours to choose from; one above the number of training samples means all of them.
        temperature: the smaller, the more the nearest neighbours count.
        name, k_without_choice, more: see `Choosing`.
    """

    head = NeighboursHead

    def __init__(
        self, name: str, k: Sequence[Count], k_without_choice: Count, temperature: Positive, **more: Any
    ) -> None:
        super().__init__(name, "k", sorted(k, reverse=True), k_without_choice, **more)
        self.temperature = temperature

    def fit_path(
        self, train: Labelled, values: Sequence[float], *, balanced: bool, seed: int, device: str
    ) -> list[NeighboursHead]:
        """See `Choosing.fit_path`; nothing here is random."""
        embeddings = train.embeddings[:]
        centre = find_centre(embeddings)
        directions = find_directions(embeddings, centre)
        weights = train.class_weights(balanced)[train.labels]
        votes = np.where(train.labels == 1, 1.0, -1.0) * weights
        if train.shares is not None:
            votes = np.stack([1 - train.shares, train.shares], axis=1) * weights[:, None]
        temperature = np.asarray([self.temperature])
        shared = (centre, directions, votes)
        return [NeighboursHead(*shared, np.asarray([int(k)]), temperature, notes={"k": int(k)}) for k in values]
