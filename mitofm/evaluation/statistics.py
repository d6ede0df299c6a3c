"""Estimates and intervals over new slides of the same domains and new trainings.

Two things vary. *Slides*: samples of one resemble each other, so a slide is a cluster that carries all its samples in all
seeds; its share is the delete-one-slide jackknife of the mean over seeds (Efron and Tibshirani 1993, ch. 11; clusters as
in Obuchowski 1997, Biometrics 53:567). *Trainings*: seeds differ beyond what their test slides explain; that variance is
divided by the number of seeds. Both add up to the standard error, with Satterthwaite's degrees of freedom (1946, Biometrics
Bulletin 2:110). One seed shows nothing of the second, so its interval speaks of the trained models alone.

The slides' own degrees of freedom are no more than their effective number (Kish 1965) minus one, nor than the effective
number of their influences: few large slides, or few on which all errors lie, make the jackknife itself uncertain.
`benchmarks/coverage.py` measures what that is worth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
from scipy.special import expit, logit, stdtr, stdtrit

from mitofm.evaluation.difference_intervals import Difference, Side, find_all_ends, measure_all_tails
from mitofm.evaluation.metrics import UNBOUNDED
from mitofm.evaluation.replicates import Replicates
from mitofm.ground.errors import MitofmError

MINIMUM_SLIDES = 6
MINIMUM_EFFECTIVE = 3.0
LEAST_DEGREES = 3.0
"""Of a difference: one that rests on fewer slides is covered in all repetitions even so (`benchmarks/coverage.py`)."""
LEVEL = 0.95
HIGHER, LOWER, NOT_DECIDED = "higher", "lower", "not decided"
NO_INTERVAL, ONE_TRAINING = "no interval", "one training only"


@dataclass(frozen=True)
class Estimate:
    """A metric (or a difference of two) with its interval; if there is none, `why` says why.

    Attributes:
        value: the mean over seeds.
        low: lower end of the interval.
        high: upper end.
        standard_error: of the value, over slides and trainings.
        degrees: of freedom.
        slide_error: the standard error over slides alone.
        slide_degrees: of freedom of that.
        slides: how many there are in all seeds together.
        effective_slides: how many of equal size would tell as much.
        seeds: how many counted.
        seed_sd: standard deviation between seeds, as seen.
        training_sd: of it, what the seeds' test slides do not explain (see `measure_seed_variance`).
        why: there is no interval.
        bounded: the value lies in [0, 1] and its interval is symmetric in log-odds; else in the value itself.
        sides: of a difference, the two estimates.
        shared: of a difference, whether some slide tested both.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    standard_error: float | None = None
    degrees: float = 0
    slide_error: float | None = None
    slide_degrees: float = 0
    slides: int = 0
    effective_slides: float = 0
    seeds: int = 0
    seed_sd: float | None = None
    training_sd: float | None = None
    why: str = ""
    bounded: bool = False
    sides: tuple[Estimate, Estimate] | None = None
    shared: bool = False

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Estimate:
        """From what `dataclasses.asdict` gives."""
        sides = plain["sides"] and tuple(map(cls.of, plain["sides"]))
        return cls(**{**plain, "sides": sides})

    @classmethod
    def make(cls, known: Mapping[str, Any]) -> Estimate:
        """As the constructor of some fields, in a quarter of the time, for more memory: for one that is looked at once."""
        made = object.__new__(cls)
        made.__dict__.update(_DEFAULTS, **known)
        return made

    def spell(self, sides: bool = False) -> dict[str, Any]:
        """As plain data for `of`; of a difference with its sides only if its interval is still to be made."""
        own = [side.spell() for side in self.sides] if sides and self.sides else None
        return {name: getattr(self, name) for name in _FIELDS} | {"sides": own}

    @property
    def decided(self) -> bool | None:
        """For a difference: whether the interval leaves out 0; None without an interval."""
        return None if self.low is None or self.high is None else not self.low <= 0 <= self.high

    @property
    def verdict(self) -> str:
        """What a difference and its interval allow to say of two methods: nothing if each was trained once."""
        if self.value is None or self.decided is None:
            return NO_INTERVAL
        if self.seeds < 2:
            return ONE_TRAINING
        return NOT_DECIDED if not self.decided else HIGHER if self.value > 0 else LOWER

    def reach(self, tail: float) -> Estimate:
        """With the interval that errs with this chance on each side.

        Symmetric in log-odds if the value is bounded; that of a difference of bounded values is made of both
        (`difference_intervals`).
        """
        if self.value is None or self.standard_error is None:
            return self
        low, high = self._find_ends(self.value, self.standard_error, tail)
        return replace(self, low=low, high=high)

    def _find_ends(self, value: float, error: float, tail: float) -> tuple[float, float]:
        difference = self.difference
        if difference:
            return difference.find_ends(tail)
        if self.bounded and value in (0.0, 1.0):
            # Slides that all say the same are counted as in the exact binomial interval.
            end = tail ** (1 / self.effective_slides)
            return (end, 1.0) if value else (0.0, 1 - end)
        half = error * float(-stdtrit(self.degrees, tail))
        if self.bounded:
            half /= value * (1 - value)
            return float(expit(logit(value) - half)), float(expit(logit(value) + half))
        return value - half, value + half

    @cached_property
    def difference(self) -> Difference | None:
        """Of two bounded values, of which one at least is uncertain."""
        if self.sides is None or not all(side.bounded for side in self.sides):
            return None
        first, second = (
            Side(side.value or 0.0, side.standard_error or 0.0, side.effective_slides) for side in self.sides
        )
        exact = first.is_exact or second.is_exact
        if not exact and not (first.error or second.error):
            return None
        return Difference(first, second, self.standard_error or 0.0, self.degrees, self.shared)

    def with_training(self, training_sd: float) -> Estimate:
        """The same if trainings differ by so much; without an interval yet."""
        if self.slide_error is None or self.seeds < 2:
            return self
        of_slides, of_training = self.slide_error**2, training_sd**2 / self.seeds
        variance, degrees = of_slides + of_training, self.slide_degrees
        if variance:
            # What slides explain of the variance between seeds is an estimate too. Half of it counts as uncertain: with all
            # of it intervals of few seeds cover too much, with nothing too little (`benchmarks/coverage.py`).
            seen = (of_training + max(of_training, (self.seed_sd or 0.0) ** 2 / self.seeds)) / 2
            degrees = variance**2 / (of_slides**2 / degrees + seen**2 / (self.seeds - 1))
        error = float(np.sqrt(variance))
        return replace(self, standard_error=error, degrees=float(degrees), training_sd=float(training_sd))

    def among(self, count: int) -> Estimate:
        """The same with a wider interval: all `count` of a family hold together with the level of one (Bonferroni).

        An estimate that was picked for its value is one of those that it was picked from.
        """
        if count < 2 or self.low is None or self.high is None:
            return self
        return _add_interval(self, 1 - (1 - LEVEL) / count)


_FIELDS = [one.name for one in fields(Estimate)]
_DEFAULTS = {one.name: one.default for one in fields(Estimate) if one.default is not MISSING}


def estimate(seeds: Sequence[Replicates], metric: str = "auroc", level: float = LEVEL) -> Estimate:
    """The mean over seeds of a metric with its interval.

    There is none under six slides, if less than three slides of equal size would tell as much, or when leaving out one
    slide leaves a seed with one class. At a value of exactly 1 or 0 one end alone is uncertain: slides that all say
    the same are counted as in the exact binomial interval (Clopper and Pearson 1934, Biometrika 26:404).

    Args:
        seeds: what each seed measured; those in which the metric is not defined do not count.
        metric: its name in `metrics.measure`.
        level: coverage the interval aims at.
    """
    seeds = [seed for seed in seeds if np.isfinite(seed.of(metric)[0])]
    names = sorted({name for seed in seeds for name in seed.slides})
    return _add_interval(
        replace(_measure(_join(seeds, metric, names), weigh(seeds, names)), bounded=metric not in UNBOUNDED), level
    )


def subtract_paired(
    first: Mapping[Any, Replicates], second: Mapping[Any, Replicates], metric: str = "auroc", level: float = LEVEL
) -> Estimate:
    """First minus second on the same samples: the jackknife over slides of the difference itself, with a t interval.

    Only the seeds of both are compared; `metric` and `level` are as in `estimate`.

    Raises:
        MitofmError: for some seed the two were not tested on the same samples.
    """
    require_same_samples(first, second)
    return subtract_by_slide(first, second, metric, level)


def require_same_samples(first: Mapping[Any, Replicates], second: Mapping[Any, Replicates]) -> None:
    """Raise a MitofmError if in some seed of both the two were not tested on the same samples."""
    for seed in first:
        if seed in second and first[seed].samples != second[seed].samples:
            raise MitofmError(
                f"seed {seed}: the two configurations were not tested on the same samples, so they cannot be compared "
                "pair by pair"
            )


def subtract_by_slide(
    first: Mapping[Any, Replicates], second: Mapping[Any, Replicates], metric: str = "auroc", level: float = LEVEL
) -> Estimate:
    """As `subtract_paired`, whatever samples of the slides each was tested on: the jackknife leaves a slide out of both.

    So a slide that both were tested on counts once, with whatever its two contributions share, and slides that only one
    side has add their variances as independent ones do.
    """
    common = [seed for seed in first if seed in second]
    common = [seed for seed in common if all(np.isfinite(side[seed].of(metric)[0]) for side in (first, second))]
    if not common:
        return Estimate(None, why="no seed in common")
    sides = [Joined.of([side[seed] for seed in common], metric) for side in (first, second)]
    return subtract_joined(sides[0], sides[1], level)


@dataclass(frozen=True)
class Joined:
    """A metric of several seeds on all their slides.

    Attributes:
        names: of the S slides of all seeds, sorted.
        values: (seeds, 1 + S) of all slides, then without each.
        weights: (S,) each slide's share of the samples.
        alone: the estimate, without an interval.
    """

    names: list[str]
    values: np.ndarray
    weights: np.ndarray
    alone: Estimate

    @classmethod
    def of(cls, seeds: Sequence[Replicates], metric: str) -> Joined:
        """Of seeds in all of which the metric is defined."""
        names = sorted({slide for seed in seeds for slide in seed.slides})
        values, weights = _join(seeds, metric, names), weigh(seeds, names)
        return cls(names, values, weights, replace(_measure(values, weights), bounded=metric not in UNBOUNDED))

    def place(self, names: list[str]) -> Joined:
        """The same among more slides."""
        places = {name: place for place, name in enumerate(names)}
        own = [places[name] for name in self.names]
        values = np.repeat(self.values[:, :1], 1 + len(names), axis=1)
        values[:, [1 + place for place in own]] = self.values[:, 1:]
        weights = np.zeros(len(names))
        weights[own] = self.weights
        return Joined(names, values, weights, replace(_measure(values, weights), bounded=self.alone.bounded))


def subtract_joined(first: Joined, second: Joined, level: float | None = LEVEL) -> Estimate:
    """As `subtract_by_slide`, of the same seeds; without an interval if `level` is None, for `Estimate.reach` to add it."""
    own = [first.names, second.names]
    if own[0] != own[1]:
        first, second = (side.place(sorted({*own[0], *own[1]})) for side in (first, second))
    found = _measure(first.values - second.values, first.weights + second.weights, LEAST_DEGREES)
    found = replace(found, sides=(first.alone, second.alone), shared=not set(own[0]).isdisjoint(own[1]))
    few = min(len(slides) for slides in own) < MINIMUM_SLIDES
    few_effective = min(side.alone.effective_slides for side in (first, second)) < MINIMUM_EFFECTIVE
    if found.standard_error is not None and (few or few_effective):
        found = replace(found, standard_error=None, why=say_few(few))
    return _add_interval(found, level)


def reach_all(found: Sequence[Estimate], tails: Sequence[float]) -> list[Estimate]:
    """As `Estimate.reach` of each: the ends of differences are found together."""
    together = [place for place, one in enumerate(found) if one.standard_error is not None and one.difference]
    differences = [one.difference for one in (found[place] for place in together) if one.difference]
    ends = dict(zip(together, find_all_ends(differences, [tails[place] for place in together]), strict=True))
    return [
        replace(one, low=ends[place][0], high=ends[place][1]) if place in ends else one.reach(tails[place])
        for place, one in enumerate(found)
    ]


def measure_tails(found: Sequence[Estimate], at: float) -> list[float]:
    """Of differences: the chances of error on each side at which their intervals end at `at`; 0.5 without an interval."""
    tails = []
    together = iter(measure_all_tails([one.difference for one in found if one.standard_error and one.difference], at))
    for one in found:
        if one.value is None or not one.standard_error:
            tails.append(0.5)
        elif one.difference:
            tails.append(next(together))
        else:
            tails.append(float(stdtr(one.degrees, -abs(at - one.value) / one.standard_error)))
    return tails


def measure_seed_variance(replicates: np.ndarray) -> float:
    """The variance between seeds that their test slides do not explain, at least 0.

    Seeds differ because training does, and because a finite set of slides (in part another one) tests them. The latter
    is known from the jackknife: with C the covariance of the seeds over slides, the expected variance of their values
    is that of training plus mean(C on its diagonal) minus mean(C off it). The method of moments of DerSimonian and
    Laird (1986, Controlled Clinical Trials 7:177), for estimates that share slides.

    Args:
        replicates: (seeds >= 2, 1 + slides) of each seed on all slides, then without each.
    """
    seeds, slides = len(replicates), replicates.shape[1] - 1
    apart = replicates[:, 1:] - replicates[:, 1:].mean(axis=1, keepdims=True)
    covariance = (slides - 1) / slides * apart @ apart.T
    diagonal = np.trace(covariance) / seeds
    off = (covariance.sum() - np.trace(covariance)) / (seeds * (seeds - 1))
    return max(0.0, float(replicates[:, 0].var(ddof=1) - (diagonal - off)))


def measure_covariance(groups: Sequence[Sequence[Replicates]], metric: str = "auroc") -> np.ndarray:
    """(K, K) the covariance over slides of the means over seeds of K groups, by the jackknife as in `estimate`."""
    names = sorted({slide for seeds in groups for seed in seeds for slide in seed.slides})
    means = np.array([_join(seeds, metric, names)[:, 1:].mean(axis=0) for seeds in groups])
    apart = means - means.mean(axis=1, keepdims=True)
    return (len(names) - 1) / len(names) * apart @ apart.T


def _join(seeds: Sequence[Replicates], metric: str, names: Sequence[str]) -> np.ndarray:
    """(seeds, 1 + slides of all): of every seed; leaving out a slide it has not changes nothing."""
    slides = {slide: place for place, slide in enumerate(names, 1)}
    joined = np.empty((len(seeds), 1 + len(slides)))
    for row, seed in zip(joined, seeds, strict=True):
        values = seed.of(metric)
        row[:] = values[0]
        row[[slides[name] for name in seed.slides]] = values[1:]
    return joined


def weigh(seeds: Sequence[Replicates], names: Sequence[str]) -> np.ndarray:
    """(slides of all,) the mean over seeds and classes of each slide's share of the samples."""
    places = {name: place for place, name in enumerate(names)}
    weights = np.zeros(len(names))
    for seed in seeds:
        counts = np.array([seed.negatives, seed.positives], dtype=float)
        shares = (counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)).mean(axis=0)
        weights[[places[name] for name in seed.slides]] += shares / len(seeds)
    return weights


def count_effective(weights: np.ndarray) -> float:
    """How many slides of equal weight are as many."""
    return float(weights.sum() ** 2 / (weights**2).sum()) if weights.any() else 0.0


def _measure(replicates: np.ndarray, weights: np.ndarray, least: float = 1.0) -> Estimate:
    """The estimate, its standard error and degrees of freedom from (seeds, 1 + slides) and (slides,); no interval yet."""
    seeds, slides = replicates.shape[0], replicates.shape[1] - 1
    if not seeds:
        return Estimate(None, slides=slides, why="no seed has samples of both classes")
    each, effective = replicates[:, 0], count_effective(weights)
    sd = float(each.std(ddof=1)) if seeds > 1 else None
    found = partial(Estimate, float(each.mean()), slides=slides, effective_slides=effective, seeds=seeds, seed_sd=sd)
    if slides < MINIMUM_SLIDES or effective < MINIMUM_EFFECTIVE:
        return found(why=say_few(slides < MINIMUM_SLIDES))
    if not np.isfinite(replicates).all():
        return found(why="one slide holds a whole class")
    influence = replicates[:, 1:].mean(axis=0)
    squares = (influence - influence.mean()) ** 2
    of_slides = (slides - 1) / slides * squares.sum()
    degrees = effective - 1
    if of_slides:
        degrees = min(degrees, max(least, squares.sum() ** 2 / (squares**2).sum()))
    error = float(np.sqrt(of_slides))
    alone = found(standard_error=error, degrees=degrees, slide_error=error, slide_degrees=degrees)
    return alone if seeds == 1 else alone.with_training(float(np.sqrt(measure_seed_variance(replicates))))


def say_few(slides: bool) -> str:
    """Why there is no interval: too few slides, or too few that count."""
    return f"under {MINIMUM_SLIDES} slides" if slides else "few slides hold nearly all samples"


def _add_interval(found: Estimate, level: float | None) -> Estimate:
    """With the interval that covers with the chance `level`, if there is a standard error."""
    if found.value is None or found.standard_error is None:
        return found
    if not found.bounded and found.standard_error == 0:
        return replace(found, why="no slide makes a difference")
    return found if level is None else found.reach((1 - level) / 2)
