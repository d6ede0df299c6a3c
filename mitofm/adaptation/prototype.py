"""Prototypes: each class is the mean of its training samples (Snell et al. 2017, arXiv 1703.05175)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mitofm.adaptation.directions import find_centre, find_directions
from mitofm.adaptation.frozen import FrozenAdaptation, Head, Labelled, Rows


@dataclass(frozen=True)
class PrototypeHead(Head):
    """Logits along the line through the two prototypes."""

    centre: np.ndarray  # float32 (D,), mean of the training embeddings
    weight: np.ndarray  # float32 (D,), from the negative to the positive prototype, scaled to log-odds
    bias: np.ndarray  # float64 (1,)

    def logits(self, embeddings: np.ndarray | Rows) -> np.ndarray:
        """See `Head.logits`."""
        return (find_directions(embeddings[:], self.centre) @ self.weight).astype(np.float64) + self.bias


class Prototype(FrozenAdaptation):
    """The class means of the embeddings' directions; nothing is chosen.

    The logit is that of linear discriminant analysis on the line through the two means: samples are projected on it, either
    class is a normal distribution around its mean with their common variance there, and the classes are equally frequent
    if `balanced`, else as frequent as in training. If the samples are too few for a variance, the means have log-odds
    of ±1. A target y between 0 and 1 counts as y of a positive sample and 1 - y of a negative one: in the means, in the
    variance and in the frequencies.
    """

    head = PrototypeHead

    def fit(
        self, train: Labelled, validation: Labelled | None, *, balanced: bool, seed: int, device: str = "cpu"
    ) -> PrototypeHead:
        """See `FrozenAdaptation.fit`; nothing here is random."""
        embeddings = train.embeddings[:]
        centre = find_centre(embeddings)
        directions = find_directions(embeddings, centre).astype(np.float64)
        parts = np.stack([1 - train.targets, train.targets])  # of each sample in either class
        negative, positive = (np.average(directions[part > 0], axis=0, weights=part[part > 0]) for part in parts)
        line = positive - negative
        from_either = np.stack([directions @ line - mean @ line for mean in (negative, positive)])
        residuals = np.sqrt((parts * from_either**2).sum(axis=0))
        variance = residuals @ residuals / max(len(train) - 2, 1)
        apart = line @ line  # of the two means, once projected
        if variance <= 1e-12 * apart**2:
            variance = apart**2 / 2
        scale = apart / variance if variance > 0 else 0.0
        prior = 0.0 if balanced else float(np.log(train.targets.mean() / (1 - train.targets.mean())))
        bias = prior - scale * (positive + negative) @ line / 2
        return PrototypeHead(centre, (scale * line).astype(np.float32), np.asarray([bias]))
