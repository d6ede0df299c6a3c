"""Scaling laws with intervals over new slides and new trainings, by fits to draws of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit, ndtr, stdtrit

from mitofm.evaluation import scaling_law, statistics
from mitofm.evaluation.replicates import Replicates
from mitofm.evaluation.scaling_law import ScalingLaw
from mitofm.evaluation.statistics import LEVEL, Estimate
from mitofm.ground.seeds import stream

DRAWS = 2000
Ends = list[float | None]
"""Value, lower and upper end; None if it is infinite (never reached) or there is no interval."""
_ROUNDS, _LEAST, _LEAST_ERROR = 3, 1e-4, 0.02


@dataclass(frozen=True)
class FittedLaw:
    """The law of the estimates, and those of draws.

    Attributes:
        point: of the estimates.
        draws: of each draw; the same as `point` if an amount has no interval.
        slides: how many there are.
        least: the error with the most labels.
    """

    point: ScalingLaw
    draws: ScalingLaw
    slides: int
    least: float

    def summarise(self, name: str) -> Ends:
        """A parameter with its interval; without one near an AUROC of 1, since it would hold the truth too rarely."""
        draws = self.point if self.least < _LEAST_ERROR else self.draws
        return _summarise(getattr(self.point, name), getattr(draws, name))

    def foresee(self, labels: float) -> Ends:
        """The AUROC with so many labels."""
        return _summarise(1 - self.point.error(labels), 1 - self.draws.error(labels))

    def count_labels(self, auroc: float) -> Ends:
        """The labels needed to reach an AUROC."""
        return _summarise(self.point.labels_for(1 - auroc), self.draws.labels_for(1 - auroc))


def fit_draws(labels: np.ndarray, measured: Sequence[Sequence[Replicates]], draws: int = DRAWS) -> FittedLaw:
    """The law of AUROCs with K amounts of labels; each is defined in one seed at least, others do not count.

    Each draw has an AUROC for every amount: one by one they spread as their intervals say, and together as their slides
    do, since all amounts are tested on about the same ones (a Gaussian copula, Nelsen 2006, An Introduction to Copulas).

    Args:
        labels: (K,) ascending.
        measured: for each amount what each seed measured.
        draws: how many.
    """
    measured = [[seed for seed in seeds if np.isfinite(seed.of("auroc")[0])] for seeds in measured]
    estimates = [statistics.estimate(seeds) for seeds in measured]
    errors = np.array([1 - (one.value or 0.0) for one in estimates])
    slides = max(one.slides for one in estimates)
    if any(one.low is None for one in estimates):
        point = scaling_law.fit(labels, errors[None], np.ones(errors.size))
        return FittedLaw(point, point, slides, float(errors[-1]))
    rng = stream(0, "scaling law", slides)
    normal = rng.multivariate_normal(np.zeros(errors.size), _correlate(estimates, measured), draws, method="eigh")
    drawn = np.column_stack([_draw(one, ndtr(column)) for one, column in zip(estimates, normal.T, strict=True)])
    # Spreads in log-odds, of the law's own errors: weights by the measured ones prefer whatever came out small.
    spreads = np.quantile(logit(np.clip(drawn, _LEAST, 1 - _LEAST)), ndtr([-1.0, 1.0]), axis=0)
    spreads, expected = (spreads[1] - spreads[0]) / 2, errors
    # An amount that no slide disturbs, as one at chance without any ranking, counts as much as the most precise of the others.
    spreads = np.maximum(spreads, min(spreads[spreads > 0], default=1.0))
    for _ in range(_ROUNDS):
        expected = np.clip(expected, _LEAST, 1 - _LEAST)
        precision = (spreads * expected * (1 - expected)) ** -2
        point = scaling_law.fit(labels, errors[None], precision)
        expected = np.array([point.error(one).item() for one in labels])
    return FittedLaw(point, scaling_law.fit(labels, 1 - drawn, precision), slides, float(errors[-1]))


def _draw(found: Estimate, chance: np.ndarray) -> np.ndarray:
    """(draws,) the AUROC below which the interval puts so much of `chance` (draws,), by t in log-odds."""
    value, errors = found.value or 0.0, stdtrit(found.degrees, chance)
    if value in (0.0, 1.0):
        away = 1 - chance ** (1 / found.effective_slides)
        return 1 - away if value else away
    return expit(logit(value) + errors * (found.standard_error or 0.0) / (value * (1 - value)))


def _correlate(estimates: Sequence[Estimate], measured: Sequence[Sequence[Replicates]]) -> np.ndarray:
    """(K, K) what estimates share by their slides, as correlations; trainings are each amount's own.

    Standard errors that are not those of the covariance, as of few slides, may leave no correlations that can all hold: then
    the nearest in their eigenvalues that can (Rebonato and Jaeckel 1999, J Risk 2:17).
    """
    shared = statistics.measure_covariance(measured)
    own = np.array([one.standard_error or 0.0 for one in estimates])
    scale = np.where(own > 0, own, 1.0)
    correlation = shared / np.outer(scale, scale)
    np.fill_diagonal(correlation, 1.0)
    values, vectors = np.linalg.eigh(correlation)
    if values[0] < -1e-8:
        roots = vectors * np.sqrt(np.maximum(values, 0.0))
        roots /= np.linalg.norm(roots, axis=1, keepdims=True)
        correlation = roots @ roots.T
    return correlation


def _summarise(point: np.ndarray, draws: np.ndarray) -> Ends:
    """Value, lower and upper end; None for infinity, and for the ends if nothing was drawn."""
    # Order statistics, not a mean of two: one of them may be infinite.
    ends = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], method="nearest") if draws.size > 1 else [np.inf] * 2
    return [float(value) if np.isfinite(value) else None for value in (point.item(), *ends)]
