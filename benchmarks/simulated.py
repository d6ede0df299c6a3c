"""Test sets whose truth is known, measured as the package measures them.

A sample's score is the side of its class times half the distance of the classes, plus its slide's offset, plus noise that
all methods share (a hard sample is hard for all), plus noise of the method's own. Slides differ in size, in prevalence, and
in how far apart they have the classes; each training moves the distance. So the score of a class over endless slides is
normal, and every metric has a truth by quadrature. Probabilities are those that are right of a training that moves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
from left_out import Rows, leave_out
from scipy.optimize import brentq
from scipy.special import expit, logit, ndtr, ndtri
from scipy.stats import norm

from mitofm.evaluation.replicates import Replicates

OFFSET_SD, SHARED_SD, OWN_SD = 0.6, 0.8, 0.6
"""Of a slide's offset, of the noise that methods share, and of that which they do not; the noise of a sample has sd 1."""
MEAN_SIZE, PREVALENCE_SAMPLES, LEAST_TESTED = 20, 8, 6
"""Samples of a slide on average; the prevalence of slides varies as that of so many samples would (beta distribution)."""
TAILS = {"mild": 0.5, "heavy": 1.2}
"""Sd of the logarithm of a slide's size."""
TRAINED_AT = 0.85
"""The AUROC at which `training_sd` is meant: the same change of distance moves a higher one less."""
METRICS = ("auroc", "balanced_accuracy", "average_precision", "brier", "calibration_slope")
_NODES = 61
_HIGHEST = 0.9995
_NOISE = np.linspace(-8.0, 8.0, 2001)
_DENSITY = norm.pdf(_NOISE) / norm.pdf(_NOISE).sum()


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
        tested: the share of the slides that each of several seeds tests; under 1 each draws its own, six at least.
    """

    slides: int
    sizes: str
    auroc: float
    prevalence: float
    varying: float
    training_sd: float
    seeds: int
    tested: float = 1.0

    def separate(self, auroc: float) -> float:
        """The distance of the classes that gives this AUROC, in sd of a sample's noise."""
        z = ndtri(auroc)
        return float(z * np.sqrt(2 * (1 + OFFSET_SD**2) / (1 - z**2 * self.varying**2 / 2)))

    def spread(self, distance: float) -> float:
        """The sd of a class's scores over slides and samples."""
        return float(np.sqrt(1 + OFFSET_SD**2 + (self.varying * distance / 2) ** 2))

    @cached_property
    def moving_sd(self) -> float:
        """The sd over trainings of the distance."""
        slope = norm.pdf(ndtri(TRAINED_AT)) / (np.sqrt(2) * self.spread(self.separate(TRAINED_AT)))
        return float(self.training_sd / slope)

    def train(self, rng: np.random.Generator) -> np.ndarray:
        """(seeds,) by how much each training of a method moves the distance."""
        return self.moving_sd * rng.standard_normal(self.seeds)

    def tell_truth(self, metric: str, auroc: float, moves: np.ndarray) -> float:
        """Of a method of this AUROC whose trainings moved by `moves`: theirs if it is one, else the mean over endless ones."""
        if self.seeds > 1:
            return self._tell_mean(metric, auroc)
        distance = self.separate(auroc)
        spread = self.spread(distance)
        return float(TRUTHS[metric]((distance + moves) / spread, self.prevalence, distance / spread)[0])

    @lru_cache(maxsize=64)  # noqa: B019  few settings
    def _tell_mean(self, metric: str, auroc: float) -> float:
        """Over endless trainings."""
        distance = self.separate(auroc)
        spread = self.spread(distance)
        nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
        moved = (distance + self.moving_sd * nodes) / spread
        return float(weights @ TRUTHS[metric](moved, self.prevalence, distance / spread) / weights.sum())

    def tell_log_odds(self, scores: np.ndarray, auroc: float) -> np.ndarray:
        """(n,) those that are right of a method of this AUROC whose training moved nothing."""
        distance = self.separate(auroc)
        return logit(self.prevalence) + scores * distance / self.spread(distance) ** 2

    def leave_out(self, rows: Rows, auroc: float, metrics: Sequence[str]) -> dict[str, np.ndarray]:
        """By metric (R, 1 + S) of all slides, then without each; the rows are trainings of a method of this AUROC."""
        return leave_out(rows, metrics, lambda scores: self.tell_log_odds(scores, auroc))

    def lower(self, by: float) -> float:
        """The AUROC of a method whose mean over endless trainings is lower by so much."""
        return self.centre(self.tell_truth("auroc", self.auroc, np.zeros(self.seeds)) - by).auroc

    def centre(self, mean: float) -> Setting:
        """The same with the AUROC that has this mean over endless trainings."""
        none = np.zeros(self.seeds)
        found = brentq(lambda auroc: self.tell_truth("auroc", auroc, none) - mean, 0.4, _HIGHEST)
        return replace(self, auroc=float(found))


# Each takes the distances of the classes, in their sd, the prevalence, and the distance that probabilities believe in.


def tell_auroc(distances: np.ndarray, prevalence: float, believed: float) -> np.ndarray:
    return ndtr(distances / np.sqrt(2))


def tell_balanced_accuracy(distances: np.ndarray, prevalence: float, believed: float) -> np.ndarray:
    """Of a threshold halfway between the classes."""
    return ndtr(distances / 2)


def tell_average_precision(distances: np.ndarray, prevalence: float, believed: float) -> np.ndarray:
    """The mean over positives of the precision at their score."""
    hits = prevalence * ndtr(-_NOISE)
    called = hits + (1 - prevalence) * ndtr(-_NOISE - np.asarray(distances)[:, None])
    return (hits / called) @ _DENSITY


def tell_brier(distances: np.ndarray, prevalence: float, believed: float) -> np.ndarray:
    """The mean squared distance of probability and label."""
    wrong = 0.0
    for side, share in ((1, prevalence), (-1, 1 - prevalence)):
        scores = _NOISE + side * np.asarray(distances)[:, None] / 2
        wrong = wrong + share * (expit(-side * (logit(prevalence) + believed * scores)) ** 2 @ _DENSITY)
    return wrong


def tell_slope(distances: np.ndarray, prevalence: float, believed: float) -> np.ndarray:
    """What is there of the distance that is believed in."""
    return np.asarray(distances) / believed


TRUTHS = {
    "auroc": tell_auroc,
    "balanced_accuracy": tell_balanced_accuracy,
    "average_precision": tell_average_precision,
    "brier": tell_brier,
    "calibration_slope": tell_slope,
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
        self.tested: list[np.ndarray] = []
        if setting.tested < 1 and setting.seeds > 1:
            count = max(min(slides, LEAST_TESTED), round(setting.tested * slides))
            self.tested = [np.sort(rng.permutation(slides)[:count]) for _ in range(setting.seeds)]

    def score(self, auroc: float, move: float) -> np.ndarray:
        """(n,) the scores of one training of a method; 0 lies halfway between the classes."""
        half = (self.setting.separate(auroc) * self.stretch + move) / 2
        own = OWN_SD * self.rng.standard_normal(self.slide.size)
        return self.shared + own + np.where(self.positive, half, -half)

    def cut(self, seed: int, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The classes, slides and scores of the samples that a seed tests, of all samples' scores (n,)."""
        if not self.tested:
            return self.positive, self.slide, scores
        own = np.isin(self.slide, self.tested[seed])
        return self.positive[own], self.slide[own], scores[own]

    def wrap(self, seed: int, values: Mapping[str, np.ndarray]) -> Replicates:
        """What a seed measured: of each metric (1 + S,) of all slides that it tests, then without each of those of the set."""
        tested = self.tested[seed] if self.tested else np.arange(len(self.names))
        names = [self.names[place] for place in tested]
        samples = f"{self.samples}: {', '.join(names)}" if self.tested else self.samples
        counts = [np.bincount(self.slide[self.positive == label], minlength=len(self.names)) for label in (0, 1)]
        negatives, positives = (side[tested].astype(float).tolist() for side in counts)
        own = np.append(0, 1 + tested)
        return Replicates(
            names, samples, negatives, positives, {metric: found[own] for metric, found in values.items()}
        )

    def measure(self, auroc: float, moves: np.ndarray, metrics: tuple[str, ...] = ("auroc",)) -> dict[int, Replicates]:
        """Each training of a method, by seed."""
        rows = Rows.join(
            [self.cut(seed, self.score(auroc, move)) for seed, move in enumerate(moves)], self.setting.slides
        )
        values = self.setting.leave_out(rows, auroc, metrics)
        return {
            seed: self.wrap(seed, {metric: found[seed] for metric, found in values.items()})
            for seed in range(moves.size)
        }

    def replicate(self, scores: np.ndarray, auroc: float, metrics: tuple[str, ...] = METRICS) -> Replicates:
        """As the package's `replicate` at even odds, of few metrics and much faster; of a method of this AUROC."""
        rows = Rows.join([(self.positive, self.slide, scores)], len(self.names))
        values = self.setting.leave_out(rows, auroc, metrics)
        return self.wrap(0, {metric: found[0] for metric, found in values.items()})
