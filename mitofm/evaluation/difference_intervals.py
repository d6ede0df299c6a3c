"""The interval of a difference of two values between 0 and 1, such as AUROCs, which near 1 is uneven.

Both values are transformed to a scale on which they are about normal. There their mean and their difference follow a bivariate
t distribution, with the covariance that the jackknife shows. What the difference of the values then follows is a distribution
whose quantiles are the ends of its intervals (a generalised confidence interval: Weerahandi 1993, J Am Stat Assoc 88:899).
So what both share, be it slides that are hard for both, cancels on either side of the estimate; and a test and an interval
of any level are read off the same distribution.

If the two share slides, an interval is the hull of those on two scales: log-odds, and the arcsine of the square root (Anscombe
1948, Biometrika 35:246). The first is too short if few slides hold all errors and by luck one side has nearly none of them, the
second if the two differ much (`benchmarks/coverage.py`).

A value of exactly 1 or 0 is uncertain to one side alone, by the exact binomial interval of as many slides as count.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, stdtr, stdtrit

from mitofm.evaluation.scales import ARCSINES, LOG_ODDS, Scale

_STEPS = np.linspace(-8.0, 8.0, 161)
_NODES = np.sinh(_STEPS)
"""Of the mean of both values, in its standard errors: dense in the middle, and as far out as a heavy tail has weight."""
_SMOOTHING = 0.8 * (_STEPS[1] - _STEPS[0]) * np.cosh(_STEPS)
"""Least sd at each node, in distances of nodes: else the sum over them would have steps."""
_SHARES = expit(np.linspace(-20.0, 20.0, 801))
_SHARE_WEIGHTS = _SHARES * (1 - _SHARES) / (_SHARES * (1 - _SHARES)).sum()
_ACCURACY, _WEIGHTLESS, _LEAST_CHANCE, _SECANTS = 1e-12, 1e-15, 1e-30, 12


@dataclass(frozen=True)
class Side:
    """One of the two values.

    Attributes:
        value: in [0, 1].
        error: its standard error.
        slides: of equal size that would tell as much.
    """

    value: float
    error: float
    slides: float

    @property
    def is_exact(self) -> bool:
        """All slides say the same."""
        return self.value in (0.0, 1.0)

    def bound(self, low: bool) -> tuple[np.ndarray, np.ndarray]:
        """Of an exact value (n,) values and their weights, which have the low or the high ends of its intervals as quantiles."""
        if low != bool(self.value):
            return np.array([self.value]), np.ones(1)
        away = 1 - _SHARES ** (1 / self.slides)
        return abs(self.value - away), _SHARE_WEIGHTS


@dataclass(frozen=True)
class _Joint:
    """The difference of two uncertain values, by a sum over what the mean of both may be.

    Attributes:
        part: of a difference of the values how far apart (n,) they are on the scale, by what their mean may be there.
        differences: (n,) expected there, given each mean.
        spreads: (n,) and their errors.
        weights: (n,) of the means.
        degrees: of freedom of a difference given a mean.
    """

    part: Callable[[float], np.ndarray]
    differences: np.ndarray
    spreads: np.ndarray
    weights: np.ndarray
    degrees: float

    def accumulate(self, at: float) -> float:
        """The chance of a difference of at most `at`."""
        apart = self.part(at) - self.differences
        return float(self.weights @ stdtr(self.degrees, apart / self.spreads))


@dataclass(frozen=True)
class Difference:
    """First minus second.

    Attributes:
        first: one side.
        second: the other.
        error: the standard error of the difference; with those of the sides it tells how they vary together.
        degrees: of freedom.
        shared: some slide tested both.
    """

    first: Side
    second: Side
    error: float
    degrees: float
    shared: bool

    def find_ends(self, tail: float) -> tuple[float, float]:
        """The interval that errs with this chance on each side."""
        value = self.first.value - self.second.value
        low = -self._find_end(lambda at: self._measure_below(-at), -value, tail)
        return low, self._find_end(self._measure_above, value, tail)

    def measure_tail(self, at: float) -> float:
        """The chance of error on each side at which the interval ends at `at`."""
        return min(self._measure_below(at), self._measure_above(at))

    def _find_end(self, measure: Callable[[float], float], value: float, tail: float) -> float:
        """The end above `value`, at most 1, where a falling chance is `tail`."""
        measure = cache(measure)
        wanted = float(stdtrit(self.degrees, tail))

        def apart(at: float) -> float:
            # As quantiles of t chances fall nearly along a line, whose root is found in a few steps.
            chance = min(max(measure(at), _LEAST_CHANCE), 1 - _WEIGHTLESS)
            return float(stdtrit(self.degrees, chance)) - wanted

        near = value - self.error * wanted
        found = _follow_secants(apart, near, near + self.error / 8, value) if value < near < 1 else None
        if found is not None:
            return found
        if measure(1.0) >= tail:
            return 1.0
        if measure(value) <= tail:
            return value
        return float(brentq(apart, value, 1.0, xtol=_ACCURACY))

    def _measure_below(self, at: float) -> float:
        """The chance that the difference is at most `at`, as the low ends have it."""
        return max(self._accumulate(scale, at, low=True) for scale in self._scales)

    def _measure_above(self, at: float) -> float:
        """The chance that it is at least `at`, as the high ends have it."""
        return max(1 - self._accumulate(scale, at, low=False) for scale in self._scales)

    @cached_property
    def _joint(self) -> dict[str, _Joint]:
        """By scale."""
        return {scale.name: self._move_to(scale) for scale in self._scales}

    @property
    def _scales(self) -> tuple[Scale, ...]:
        return (LOG_ODDS, ARCSINES) if self.shared else (LOG_ODDS,)

    def _accumulate(self, scale: Scale, at: float, low: bool) -> float:
        """The chance of a difference of at most `at`."""
        if not (self.first.is_exact or self.second.is_exact):
            return self._joint[scale.name].accumulate(at)
        values, weights = self.second.bound(not low)
        if self.second.is_exact and (values.size == 1 or not self.first.is_exact):
            return float(weights @ self._accumulate_side(scale, self.first, values + at, low))
        values, weights = self.first.bound(low)
        # The first is at most this far above the second if the second is at least that.
        return float(weights @ (1 - self._accumulate_side(scale, self.second, values - at, not low)))

    def _accumulate_side(self, scale: Scale, side: Side, at: np.ndarray, low: bool) -> np.ndarray:
        """(n,) the chances that a side is at most `at` (n,)."""
        inside = np.clip(at, _ACCURACY, 1 - _ACCURACY)
        if side.is_exact:
            spread = inside**side.slides if side.value else 1 - (1 - inside) ** side.slides
            chance = spread if low == bool(side.value) else (at >= side.value).astype(float)
        else:
            error = max(side.error, self.error) * scale.differentiate(side.value)
            apart = scale.transform(inside) - scale.transform(side.value)
            chance = stdtr(self.degrees, apart / error)
        return np.where(at > 1, 1.0, np.where(at < 0, 0.0, chance))

    def _move_to(self, scale: Scale) -> _Joint:
        """Both values on a scale: a bivariate t distribution of their mean and their difference."""
        one, other = self.first.error, self.second.error
        shared = (one**2 + other**2 - self.error**2) / 2
        # What trainings make of a difference may be more than both sides show.
        more = max(1.0, self.error / (one + other)) ** 2
        first, second = (scale.differentiate(side.value) for side in (self.first, self.second))
        shared = float(np.clip(shared, -one * other, one * other)) * more * first * second
        one, other = more * (one * first) ** 2, more * (other * second) ** 2
        of_mean, of_difference, of_both = (one + other) / 4 + shared / 2, one + other - 2 * shared, (one - other) / 2
        slope = of_both / np.sqrt(of_mean) if of_mean > 0 else 0.0
        rest = np.sqrt(max(of_difference - slope**2, _ACCURACY**2))
        ends = [scale.transform(side.value) for side in (self.first, self.second)]
        log_weights = -(self.degrees + 1) / 2 * np.log1p(_NODES**2 / self.degrees)
        weights = np.exp(log_weights) * np.cosh(_STEPS)
        weights /= weights.sum()
        weighty = weights > _WEIGHTLESS
        weights, nodes = weights[weighty], _NODES[weighty]
        # What is left of a bivariate t given one of its two is a t of one degree more, the wider the farther out.
        spreads = rest * np.sqrt((self.degrees + nodes**2) / (self.degrees + 1))
        return _Joint(
            part=scale.part(sum(ends) / 2 + np.sqrt(max(of_mean, 0.0)) * nodes),
            differences=ends[0] - ends[1] + slope * nodes,
            spreads=np.maximum(spreads, abs(slope) * _SMOOTHING[weighty]),
            weights=weights,
            degrees=self.degrees + 1,
        )


def _follow_secants(apart: Callable[[float], float], first: float, second: float, least: float) -> float | None:
    """The root of a falling function above `least` and below 1, from two places near it; None if secants do not lead there."""
    if not second < 1:
        return None
    one, other = apart(first), apart(second)
    for _ in range(_SECANTS):
        if one == other:
            return None
        first, second, one = second, second - other * (second - first) / (other - one), other
        if not least < second < 1:
            return None
        if abs(second - first) < _ACCURACY:
            return second
        other = apart(second)
    return None
