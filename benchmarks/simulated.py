"""Test sets whose truth is known, measured as the package measures them.

A sample's score is the side of its class times half the distance of the classes, plus its slide's offset, plus noise that
all methods share (a hard sample is hard for all), plus noise of the method's own. Slides differ in size, in prevalence, and
in how far apart they have the classes; each training moves the distance. So the score of a class over endless slides is
normal, and AUROC, balanced accuracy and average precision have a truth by quadrature.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm

from mitofm.evaluation.replicates import Replicates

OFFSET_SD, SHARED_SD, OWN_SD = 0.6, 0.8, 0.6
"""Of a slide's offset, of the noise that methods share, and of that which they do not; the noise of a sample has sd 1."""
MEAN_SIZE, PREVALENCE_SAMPLES = 20, 8
"""Samples of a slide on average; the prevalence of slides varies as that of so many samples would (beta distribution)."""
TAILS = {"mild": 0.5, "heavy": 1.2}
"""Sd of the logarithm of a slide's size."""
TRAINED_AT = 0.85
"""The AUROC at which `training_sd` is meant: the same change of distance moves a higher one less."""
METRICS = ("auroc", "balanced_accuracy", "average_precision")
_NODES, _STEPS, _FARTHEST = 61, 2001, 8.0


@dataclass(frozen=True)
class Setting:
    """What is drawn.

    Attributes:
        slides: of a test set.
        sizes: one of `TAILS`.
        auroc: that of a model whose training moved nothing.
        prevalence: the mean over slides.
        varying: sd over slides of the distance of the classes, as a share of it.
        training_sd: sd over trainings of an AUROC of 0.85.
        seeds: trainings of each method. With one, the truth is that of the model that was trained; with several it is the
            mean over endless trainings.
    """

    slides: int
    sizes: str
    auroc: float
    prevalence: float
    varying: float
    training_sd: float
    seeds: int

    def separate(self, auroc: float) -> float:
        """The distance of the classes that gives this AUROC, in sd of a sample's noise."""
        z = norm.ppf(auroc)
        return float(z * np.sqrt(2 * (1 + OFFSET_SD**2) / (1 - z**2 * self.varying**2 / 2)))

    def spread(self, distance: float) -> float:
        """The sd of a class's scores over slides and samples."""
        return float(np.sqrt(1 + OFFSET_SD**2 + (self.varying * distance / 2) ** 2))

    @cached_property
    def moving_sd(self) -> float:
        """The sd over trainings of the distance."""
        slope = norm.pdf(norm.ppf(TRAINED_AT)) / (np.sqrt(2) * self.spread(self.separate(TRAINED_AT)))
        return float(self.training_sd / slope)

    def train(self, rng: np.random.Generator) -> np.ndarray:
        """(seeds,) by how much each training of a method moves the distance."""
        return self.moving_sd * rng.standard_normal(self.seeds)

    def tell_truth(self, metric: str, auroc: float, moves: np.ndarray) -> float:
        """Of a method of this AUROC whose trainings moved by `moves`: theirs if it is one, else the mean over endless ones."""
        distance = self.separate(auroc)
        spread = self.spread(distance)
        if self.seeds == 1:
            return float(TRUTHS[metric]((distance + moves) / spread, self.prevalence)[0])
        nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
        moved = (distance + self.moving_sd * nodes) / spread
        return float(weights @ TRUTHS[metric](moved, self.prevalence) / weights.sum())

    def lower(self, by: float) -> float:
        """The AUROC of a method whose mean over endless trainings is lower by so much."""
        none = np.zeros(self.seeds)
        goal = self.tell_truth("auroc", self.auroc, none) - by
        return float(brentq(lambda auroc: self.tell_truth("auroc", auroc, none) - goal, 0.4, self.auroc))


def tell_auroc(distances: np.ndarray, prevalence: float) -> np.ndarray:
    """Of classes so many of their sd apart."""
    return norm.cdf(distances / np.sqrt(2))


def tell_balanced_accuracy(distances: np.ndarray, prevalence: float) -> np.ndarray:
    """Of a threshold halfway between the classes."""
    return norm.cdf(distances / 2)


def tell_average_precision(distances: np.ndarray, prevalence: float) -> np.ndarray:
    """The mean over positives of the precision at their score."""
    nodes = np.linspace(-_FARTHEST, _FARTHEST, _STEPS)
    density = norm.pdf(nodes) / norm.pdf(nodes).sum()
    hits = prevalence * norm.sf(nodes)
    called = hits + (1 - prevalence) * norm.sf(nodes + np.asarray(distances)[:, None])
    return (hits / called) @ density


TRUTHS = {
    "auroc": tell_auroc,
    "balanced_accuracy": tell_balanced_accuracy,
    "average_precision": tell_average_precision,
}


class SimulatedSet:
    """The slides, samples and labels of a test set, and what all methods share of their scores."""

    def __init__(self, setting: Setting, rng: np.random.Generator, name: str = "") -> None:
        """Draw one; sets of other names have other slides."""
        self.setting, self.rng, slides = setting, rng, setting.slides
        sigma = TAILS[setting.sizes]
        sizes = np.maximum(2, rng.lognormal(np.log(MEAN_SIZE) - sigma**2 / 2, sigma, slides).astype(int))
        self.names = [f"{name}{place:03d}" for place in range(slides)]
        self.slide = np.repeat(np.arange(slides), sizes)
        share = setting.prevalence
        shares = rng.beta(PREVALENCE_SAMPLES * share, PREVALENCE_SAMPLES * (1 - share), slides)
        self.positive = rng.random(self.slide.size) < shares[self.slide]
        self.stretch = 1 + setting.varying * rng.standard_normal(slides)[self.slide]
        self.shared = OFFSET_SD * rng.standard_normal(slides)[self.slide]
        self.shared += SHARED_SD * rng.standard_normal(self.slide.size)
        self.samples = f"{name} of {self.slide.size}"

    def score(self, auroc: float, move: float) -> np.ndarray:
        """(n,) the scores of one training of a method; 0 lies halfway between the classes."""
        half = (self.setting.separate(auroc) * self.stretch + move) / 2
        own = OWN_SD * self.rng.standard_normal(self.slide.size)
        return self.shared + own + np.where(self.positive, half, -half)

    def measure(self, auroc: float, moves: np.ndarray, metrics: tuple[str, ...] = ("auroc",)) -> dict[int, Replicates]:
        """Each training of a method, by seed."""
        return {seed: self.replicate(self.score(auroc, move), metrics) for seed, move in enumerate(moves)}

    def replicate(self, scores: np.ndarray, metrics: tuple[str, ...] = METRICS) -> Replicates:
        """As the package's `replicate` at even odds, of few metrics and much faster."""
        order = np.argsort(scores)
        counts = [np.bincount(self.slide[self.positive == label], minlength=len(self.names)) for label in (0, 1)]
        values = {}
        for metric in metrics:
            with np.errstate(divide="ignore", invalid="ignore"):
                found = JACKKNIVES[metric](self.positive[order], self.slide[order], scores[order], *counts)
            values[metric] = [None if np.isnan(value) else float(value) for value in found]
        negatives, positives = (side.astype(float).tolist() for side in counts)
        return Replicates(self.names, self.samples, negatives, positives, values)


# Each takes `positive` (n,) and `slide` (n,) in the order of ascending, distinct `scores` (n,), and how many negatives and
# positives (S,) each slide has; it gives (1 + S,) values: of all slides, then without each.


def jackknife_auroc(
    positive: np.ndarray, slide: np.ndarray, scores: np.ndarray, negatives: np.ndarray, positives: np.ndarray
) -> np.ndarray:
    """Pairs won, less those of which the slide has the positive or the negative; those of which it has both count once."""
    below, above = np.cumsum(~positive), positives.sum() - np.cumsum(positive)
    by_positive = np.bincount(slide[positive], below[positive], negatives.size)
    by_negative = np.bincount(slide[~positive], above[~positive], negatives.size)
    by_slide = np.argsort(slide, kind="stable")
    inside, own = positive[by_slide], slide[by_slide]
    before = np.cumsum(negatives) - negatives
    within = np.cumsum(~inside) - before[own]
    by_both = np.bincount(own[inside], within[inside], negatives.size)
    won = by_positive.sum() - _prepend(0, by_positive + by_negative - by_both)
    return won / (_without(negatives) * _without(positives))


def jackknife_balanced_accuracy(
    positive: np.ndarray, slide: np.ndarray, scores: np.ndarray, negatives: np.ndarray, positives: np.ndarray
) -> np.ndarray:
    """The mean recall of the classes at 0."""
    recalls = []
    for side, counts in ((positive & (scores >= 0), positives), (~positive & (scores < 0), negatives)):
        recalls.append(_without(np.bincount(slide[side], minlength=negatives.size)) / _without(counts))
    return (recalls[0] + recalls[1]) / 2


def jackknife_average_precision(
    positive: np.ndarray, slide: np.ndarray, scores: np.ndarray, negatives: np.ndarray, positives: np.ndarray
) -> np.ndarray:
    """The mean precision at the scores of the positives that are left."""
    positive, slide = positive[::-1], slide[::-1]
    slides, total = negatives.size, int(positives.sum())
    if not total or total == positive.size:
        return np.full(1 + slides, np.nan)
    place = np.cumsum(positive) - positive  # which positive's precision a sample is the first to count in
    hits, calls = (
        np.bincount(slide[of] * (total + 1) + place[of], minlength=slides * (total + 1)).reshape(slides, -1)[:, :-1]
        for of in (positive, np.ones(positive.size, dtype=bool))
    )
    own, calls = hits, np.cumsum(calls, axis=1)
    hits = np.cumsum(hits, axis=1)
    left_hits, left_calls = hits.sum(axis=0) - hits, calls.sum(axis=0) - calls
    precision = np.divide(left_hits, left_calls, out=np.zeros(hits.shape), where=left_calls > 0)
    whole = (hits.sum(axis=0) / calls.sum(axis=0)).mean()
    found = ((1 - own) * precision).sum(axis=1) / _without(positives)[1:]
    return _prepend(whole, np.where(_without(negatives)[1:] > 0, found, np.nan))


JACKKNIVES = {
    "auroc": jackknife_auroc,
    "balanced_accuracy": jackknife_balanced_accuracy,
    "average_precision": jackknife_average_precision,
}


def _prepend(whole: float, rest: np.ndarray) -> np.ndarray:
    return np.concatenate([[whole], rest])


def _without(counts: np.ndarray) -> np.ndarray:
    """(1 + S,) what all slides have together, then without each."""
    return counts.sum() - _prepend(0, counts)
