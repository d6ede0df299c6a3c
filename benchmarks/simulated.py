"""Test sets whose truth is known, measured as the package measures them.

A sample's score is the side of its class times half the distance of the classes, plus its slide's offset, plus noise that
all methods share (a hard sample is hard for all), plus noise of the method's own. Slides differ in size, in prevalence, and
in how far apart they have the classes; each training moves the distance. So the score of a class over endless slides is
normal, and every metric has a truth by quadrature. Probabilities are those that are right of a training that moves nothing.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
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
_NODES, _ROUNDS, _LONGEST, _EXACT, _SEPARATED, _MANY = 61, 60, 2.0, 1e-5, 50.0, 100_000
_FLATTEST = 1e-12
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

    def measure(self, auroc: float, moves: np.ndarray, metrics: tuple[str, ...] = ("auroc",)) -> dict[int, Replicates]:
        """Each training of a method, by seed."""
        return {seed: self._measure(seed, self.score(auroc, move), auroc, metrics) for seed, move in enumerate(moves)}

    def _measure(self, seed: int, scores: np.ndarray, auroc: float, metrics: tuple[str, ...]) -> Replicates:
        """On the slides that a seed tests."""
        if not self.tested:
            return self.replicate(scores, auroc, metrics)
        one, tested = copy(self), self.tested[seed]
        own = np.isin(self.slide, tested)
        one.slide, one.positive = np.searchsorted(tested, self.slide[own]), self.positive[own]
        one.names = [self.names[place] for place in tested]
        one.samples = f"{self.samples}: {', '.join(one.names)}"
        return one.replicate(scores[own], auroc, metrics)

    def replicate(self, scores: np.ndarray, auroc: float, metrics: tuple[str, ...] = METRICS) -> Replicates:
        """As the package's `replicate` at even odds, of few metrics and much faster; of a method of this AUROC."""
        order = np.argsort(scores)
        log_odds = self.setting.tell_log_odds(scores, auroc)
        counts = [np.bincount(self.slide[self.positive == label], minlength=len(self.names)) for label in (0, 1)]
        values = {}
        for metric in metrics:
            with np.errstate(divide="ignore", invalid="ignore"):
                if metric in CALIBRATIONS:
                    found = CALIBRATIONS[metric](self.positive, self.slide, log_odds, *counts)
                else:
                    found = JACKKNIVES[metric](self.positive[order], self.slide[order], scores[order], *counts)
            lacking = np.isnan(found)
            values[metric] = np.where(lacking, None, found).tolist() if lacking.any() else found.tolist()
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
    own, at = slide[positive], np.arange(total)
    calls = np.zeros((slides, total + 1), dtype=np.float32)  # whole numbers below 2 ** 24 are exact
    np.add.at(calls, (slide, place), 1)
    hits = np.zeros((slides, total), dtype=np.float32)
    hits[own, at] = 1
    calls, hits = np.cumsum(calls[:, :-1], axis=1), np.cumsum(hits, axis=1)
    all_hits, all_calls = at + 1, np.bincount(place, minlength=total + 1)[:-1].cumsum()
    precision = (all_hits - hits) / np.maximum(all_calls - calls, 1)
    found = (precision.sum(axis=1) - np.bincount(own, precision[own, at], slides)) / _without(positives)[1:]
    return _prepend((all_hits / all_calls).mean(), np.where(_without(negatives)[1:] > 0, found, np.nan))


JACKKNIVES = {
    "auroc": jackknife_auroc,
    "balanced_accuracy": jackknife_balanced_accuracy,
    "average_precision": jackknife_average_precision,
}


def jackknife_brier(
    positive: np.ndarray, slide: np.ndarray, log_odds: np.ndarray, negatives: np.ndarray, positives: np.ndarray
) -> np.ndarray:
    """The mean squared distance of probability and label."""
    apart = np.bincount(slide, (expit(log_odds) - positive) ** 2, negatives.size)
    return _without(apart) / _without(negatives + positives)


def jackknife_slope(
    positive: np.ndarray, slide: np.ndarray, log_odds: np.ndarray, negatives: np.ndarray, positives: np.ndarray
) -> np.ndarray:
    """The slope of a logistic regression; of more than some 70 slides, without one by a single step from that of all."""
    slides, at = negatives.size, np.array([[0.0, 1.0]])
    for _ in range(_ROUNDS):
        step = _step(at, positive, log_odds, np.ones((1, log_odds.size)))
        at = at + step
        if not np.abs(step).max() >= _EXACT:
            break
    left = at + _step_without(at, positive, log_odds, slide, slides)
    if slides * log_odds.size <= _MANY:
        counted = (slide != np.arange(slides)[:, None]).astype(float)
        left = np.where(np.isfinite(left) & (np.abs(left - at) < _LONGEST), left, at)
        for _ in range(_ROUNDS):
            step = _step(left, positive, log_odds, counted)
            left = left + step
            if not np.abs(step[np.isfinite(step)]).max(initial=0.0) >= _EXACT:
                break
    lacking = (_without(negatives) == 0) | (_without(positives) == 0)
    found = _prepend(at[0, 1], left[:, 1])
    return np.where(lacking | ~(np.abs(found) < _SEPARATED), np.nan, found)


def _step(at: np.ndarray, positive: np.ndarray, log_odds: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """(rows, 2) Newton's step of each row's intercept and slope; `counted` (rows, n) says which samples it has."""
    probability = expit(at[:, :1] + at[:, 1:] * log_odds)
    apart, weight = (positive - probability) * counted, probability * (1 - probability) * counted
    gradient = np.stack([apart.sum(axis=1), apart @ log_odds])
    return np.clip(_solve(gradient, [weight @ log_odds**power for power in range(3)]), -_LONGEST, _LONGEST)


def _step_without(
    at: np.ndarray, positive: np.ndarray, log_odds: np.ndarray, slide: np.ndarray, slides: int
) -> np.ndarray:
    """(slides, 2) the step without each slide from the solution of all, whose gradients sum to 0."""
    probability = expit(at[0, 0] + at[0, 1] * log_odds)
    apart, weight = positive - probability, probability * (1 - probability)
    gradient = np.stack([np.bincount(slide, apart * log_odds**power, slides) for power in range(2)])
    moments = [np.bincount(slide, weight * log_odds**power, slides) for power in range(3)]
    return _solve(-gradient, [moment.sum() - moment for moment in moments])


def _solve(gradient: np.ndarray, moments: list[np.ndarray]) -> np.ndarray:
    """(rows, 2) the step that the gradient (2, rows) and the moments of the curvature ask for; NaN if it is flat."""
    flat, mixed, steep = moments
    determinant = flat * steep - mixed**2
    determinant = np.where(determinant > _FLATTEST * flat * steep, determinant, np.nan)
    first = steep * gradient[0] - mixed * gradient[1]
    return np.stack([first, flat * gradient[1] - mixed * gradient[0]], axis=1) / determinant[:, None]


# As `JACKKNIVES`, in any order and with log-odds.
CALIBRATIONS = {"brier": jackknife_brier, "calibration_slope": jackknife_slope}


def _prepend(whole: float, rest: np.ndarray) -> np.ndarray:
    return np.concatenate([[whole], rest])


def _without(counts: np.ndarray) -> np.ndarray:
    """(1 + S,) what all slides have together, then without each."""
    return counts.sum() - _prepend(0, counts)
