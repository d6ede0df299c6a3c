"""Estimates and intervals whose unit is the slide.

Samples of one slide resemble each other, so n is the number of slides. A slide carries all its samples in all seeds: the
estimate is the mean over seeds of the metric of each seed, and its standard error the delete-one-slide jackknife of
that mean over the union of the slides (Efron and Tibshirani 1993, ch. 11; clusters as in Obuchowski 1997, Biometrics
53:567). Seeds are repetitions; their spread is reported beside the interval and never enters its n.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import expit, logit
from scipy.stats import t as student

from mitofm.evaluation.replicates import Replicates
from mitofm.ground.errors import MitofmError

MINIMUM_SLIDES = 6
LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A metric (or a difference of two) with its interval over slides; if there is none, `why` says why.

    Attributes:
        value: the mean over seeds.
        low: lower end of the interval.
        high: upper end.
        standard_error: over slides, of the value.
        degrees: of freedom.
        slides: how many there are in all seeds together.
        seeds: how many counted.
        seed_sd: standard deviation between seeds, as seen.
        training_sd: of it, what the seeds' test slides do not explain (see `measure_seed_variance`).
        why: there is no interval.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    standard_error: float | None = None
    degrees: float = 0
    slides: int = 0
    seeds: int = 0
    seed_sd: float | None = None
    training_sd: float | None = None
    why: str = ""

    @property
    def decided(self) -> bool | None:
        """For a difference: whether the interval leaves out 0; None without an interval."""
        return None if self.low is None or self.high is None else not self.low <= 0 <= self.high

    @property
    def verdict(self) -> str:
        """What a difference and its interval allow to say: higher, lower, not decided (it includes 0), no interval."""
        if self.value is None or self.decided is None:
            return "no interval"
        return "not decided" if not self.decided else "higher" if self.value > 0 else "lower"


def estimate(seeds: Sequence[Replicates], metric: str = "auroc", level: float = LEVEL) -> Estimate:
    """The mean over seeds of a metric in [0, 1], with a slide-clustered logit-t interval.

    The interval is symmetric on the logit scale (delta method) with slides - 1 degrees of freedom. There is none under
    six slides, at a value of exactly 0 or 1, or when leaving out one slide leaves a seed with one class.

    Args:
        seeds: what each seed measured; those in which the metric is not defined do not count.
        metric: its name in `metrics.measure`.
        level: coverage the interval aims at.
    """
    found = _jackknife(_join(seeds, metric))
    if found.value is None or found.standard_error is None:
        return found
    if found.value in (0.0, 1.0):
        return replace(found, why=f"the value is exactly {found.value:g}")
    half = student.ppf((1 + level) / 2, found.degrees) * found.standard_error / (found.value * (1 - found.value))
    centre = logit(found.value)
    return replace(found, low=float(expit(centre - half)), high=float(expit(centre + half)))


def subtract_paired(
    first: Mapping[Any, Replicates], second: Mapping[Any, Replicates], metric: str = "auroc", level: float = LEVEL
) -> Estimate:
    """First minus second on the same samples: the jackknife over slides of the difference itself, with a t interval.

    Only the seeds of both are compared; `metric` and `level` are as in `estimate`.

    Raises:
        MitofmError: for some seed the two were not tested on the same samples.
    """
    for seed in first:
        if seed in second and first[seed].samples != second[seed].samples:
            raise MitofmError(
                f"seed {seed}: the two configurations were not tested on the same samples, so they cannot be compared "
                "pair by pair"
            )
    return subtract_by_slide(first, second, metric, level)


def subtract_by_slide(
    first: Mapping[Any, Replicates], second: Mapping[Any, Replicates], metric: str = "auroc", level: float = LEVEL
) -> Estimate:
    """As `subtract_paired`, whatever samples of the slides each was tested on: the jackknife leaves a slide out of both.

    So a slide that both were tested on counts once, with whatever its two contributions share, and slides that only one
    side has add their variances as independent ones do. If no slide is shared the two are independent.
    """
    common = [seed for seed in first if seed in second]
    common = [seed for seed in common if all(np.isfinite(side[seed].of(metric)[0]) for side in (first, second))]
    if not common:
        return Estimate(None, why="no seed in common")
    pairs = [(first[seed], second[seed]) for seed in common]
    own = [{slide for pair in pairs for slide in pair[side].slides} for side in (0, 1)]
    if not own[0] & own[1]:
        one, other = (estimate([pair[side] for pair in pairs], metric) for side in (0, 1))
        return subtract_independent(one, other, level)
    sides = [_join([pair[side] for pair in pairs], metric, sorted(own[0] | own[1])) for side in (0, 1)]
    found = _jackknife(sides[0] - sides[1])
    if min(map(len, own)) < MINIMUM_SLIDES:
        found = replace(found, standard_error=None, why=f"under {MINIMUM_SLIDES} slides")
    return _t_interval(found, level)


def subtract_independent(first: Estimate, second: Estimate, level: float = LEVEL) -> Estimate:
    """First minus second if no slide is in both: standard errors add in squares, degrees of freedom after Welch."""
    slides, seeds = first.slides + second.slides, min(first.seeds, second.seeds)
    if first.value is None or second.value is None:
        return Estimate(None, slides=slides, why=first.why or second.why)
    value = first.value - second.value
    if first.why or second.why or first.standard_error is None or second.standard_error is None:
        return Estimate(value, slides=slides, seeds=seeds, why=first.why or second.why)
    variances = [(side**2, of.degrees) for side, of in ((first.standard_error, first), (second.standard_error, second))]
    total = sum(variance for variance, _ in variances)
    spread = sum(variance**2 / degrees for variance, degrees in variances)
    degrees = total**2 / spread if spread else min(degrees for _, degrees in variances)
    return _t_interval(
        Estimate(value, standard_error=float(np.sqrt(total)), degrees=degrees, slides=slides, seeds=seeds), level
    )


def measure_seed_variance(replicates: np.ndarray) -> float:
    """The variance between seeds that their test slides do not explain, at least 0.

    Seeds differ because training does, and because a finite set of slides (in part another one) tests them. The latter
    is known from the jackknife: with C the covariance of the seeds over slides, the expected variance of their values
    is that of training plus mean(C on its diagonal) minus mean(C off it). The method of moments of DerSimonian and
    Laird (1986, Controlled Clinical Trials 7:177), for estimates that share slides.

    Args:
        replicates: (seeds >= 2, 1 + slides) of each seed on all slides, then without each.
    """
    seeds = len(replicates)
    covariance = _covariance(replicates[:, 1:])
    diagonal = np.trace(covariance) / seeds
    off = (covariance.sum() - np.trace(covariance)) / (seeds * (seeds - 1))
    return max(0.0, float(replicates[:, 0].var(ddof=1) - (diagonal - off)))


def _join(seeds: Sequence[Replicates], metric: str, slides_of_all: Sequence[str] = ()) -> np.ndarray:
    """(seeds, 1 + slides of all): of every seed that has a value; leaving out a slide it has not changes nothing."""
    seeds = [seed for seed in seeds if np.isfinite(seed.of(metric)[0])]
    names = slides_of_all or sorted({name for seed in seeds for name in seed.slides})
    slides = {slide: place for place, slide in enumerate(names, 1)}
    joined = np.empty((len(seeds), 1 + len(slides)))
    for row, seed in zip(joined, seeds, strict=True):
        values = seed.of(metric)
        row[:] = values[0]
        row[[slides[name] for name in seed.slides]] = values[1:]
    return joined


def _covariance(without: np.ndarray) -> np.ndarray:
    """The jackknife covariance of the rows of (k, slides) values without each slide."""
    slides = without.shape[1]
    apart = without - without.mean(axis=1, keepdims=True)
    return (slides - 1) / slides * apart @ apart.T


def _jackknife(replicates: np.ndarray) -> Estimate:
    """The estimate, its standard error and the spread of seeds from (seeds, 1 + slides); no interval yet."""
    seeds, slides = replicates.shape[0], replicates.shape[1] - 1
    if not seeds:
        return Estimate(None, slides=slides, why="no seed has samples of both classes")
    each = replicates[:, 0]
    found = Estimate(float(each.mean()), slides=slides, seeds=seeds)
    if seeds > 1:
        found = replace(found, seed_sd=float(each.std(ddof=1)))
    if slides < MINIMUM_SLIDES:
        return replace(found, why=f"under {MINIMUM_SLIDES} slides")
    if not np.isfinite(replicates).all():
        return replace(found, why="one slide holds a whole class")
    error = float(np.sqrt(_covariance(replicates[:, 1:].mean(axis=0, keepdims=True)).item()))
    found = replace(found, standard_error=error, degrees=slides - 1)
    return found if seeds == 1 else replace(found, training_sd=float(np.sqrt(measure_seed_variance(replicates))))


def _t_interval(found: Estimate, level: float) -> Estimate:
    if found.value is None or found.standard_error is None:
        return found
    half = float(student.ppf((1 + level) / 2, found.degrees)) * found.standard_error
    return replace(found, low=found.value - half, high=found.value + half)
