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

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import count

import numpy as np
from scipy.special import expit, stdtrit

from mitofm.evaluation.scales import ARCSINES, LOG_ODDS, Scale
from mitofm.evaluation.student import Chances

_STEPS = np.linspace(-8.0, 8.0, 161)
_NODES = np.sinh(_STEPS)
"""Of the mean of both values, in its standard errors: dense in the middle, and as far out as a heavy tail has weight."""
_SMOOTHING = 0.8 * (_STEPS[1] - _STEPS[0]) * np.cosh(_STEPS)
"""Least sd at each node, in distances of nodes: else the sum over them would have steps."""
_SHARES = expit(np.linspace(-20.0, 20.0, 801))
_SHARE_WEIGHTS = _SHARES * (1 - _SHARES) / (_SHARES * (1 - _SHARES)).sum()
_ACCURACY, _WEIGHTLESS, _LEAST_CHANCE, _SECANTS = 1e-12, 1e-15, 1e-30, 12
_AT_ONCE = 64  # differences whose numbers stay in the processor's own memory


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
class _Joints:
    """Differences of two uncertain values each, by sums over what the mean of both may be, at (D, N) nodes.

    Attributes:
        scale: on which they are.
        means: as the scale prepares them.
        differences: expected on the scale, given each mean.
        spreads: and their errors.
        weights: of the means.
        chances: of a difference given a mean.
    """

    scale: Scale
    means: np.ndarray
    differences: np.ndarray
    spreads: np.ndarray
    weights: np.ndarray
    chances: Chances

    @classmethod
    def of(cls, scale: Scale, differences: Sequence[Difference], chances: Chances) -> _Joints:
        """Both values on a scale: a bivariate t distribution of their mean and their difference."""
        sides = [[one.first for one in differences], [one.second for one in differences]]
        one, other = (np.array([[side.error] for side in each]) for each in sides)
        value, second_value = (np.array([[side.value] for side in each]) for each in sides)
        error = np.array([[each.error] for each in differences])
        degrees = np.array([[each.degrees] for each in differences])
        shared = (one**2 + other**2 - error**2) / 2
        # What trainings make of a difference may be more than both sides show.
        more = np.maximum(1.0, error / (one + other)) ** 2
        first, second = scale.differentiate(value), scale.differentiate(second_value)
        shared = np.clip(shared, -one * other, one * other) * more * first * second
        one, other = more * (one * first) ** 2, more * (other * second) ** 2
        of_mean, of_difference, of_both = (one + other) / 4 + shared / 2, one + other - 2 * shared, (one - other) / 2
        of_mean = np.maximum(of_mean, 0.0)
        slope = np.divide(of_both, np.sqrt(of_mean), where=of_mean > 0, out=np.zeros_like(of_mean))
        rest = np.sqrt(np.maximum(of_difference - slope**2, _ACCURACY**2))
        ends = [scale.transform(each) for each in (value, second_value)]
        log_weights = -(degrees + 1) / 2 * np.log1p(_NODES**2 / degrees)
        weights = np.exp(log_weights) * np.cosh(_STEPS)
        weights /= weights.sum(axis=1, keepdims=True)
        # What is left of a bivariate t given one of its two is a t of one degree more, the wider the farther out.
        spreads = rest * np.sqrt((degrees + _NODES**2) / (degrees + 1))
        return cls(
            scale,
            scale.prepare(sum(ends) / 2 + np.sqrt(of_mean) * _NODES),
            ends[0] - ends[1] + slope * _NODES,
            np.maximum(spreads, np.abs(slope) * _SMOOTHING),
            np.where(weights > _WEIGHTLESS, weights, 0.0),
            chances,
        )

    def accumulate(self, rows: np.ndarray, at: np.ndarray) -> np.ndarray:
        """(d,) the chance that the differences of some rows (d,) are at most `at` (d,)."""
        apart = self.scale.part(self.means[rows], at[:, None]) - self.differences[rows]
        apart /= self.spreads[rows]
        return (self.weights[rows] * self.chances.accumulate(rows, apart)).sum(axis=1)


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
        return find_all_ends([self], [tail])[0]

    @property
    def is_exact(self) -> bool:
        """All slides of a side say the same."""
        return self.first.is_exact or self.second.is_exact

    @property
    def scales(self) -> tuple[Scale, ...]:
        """Those of which the interval is the hull."""
        return (LOG_ODDS, ARCSINES) if self.shared else (LOG_ODDS,)

    @cached_property
    def _joint(self) -> dict[str, _Joints]:
        """By scale."""
        chances = Chances(np.array([self.degrees + 1]))
        return {scale.name: _Joints.of(scale, [self], chances) for scale in self.scales}

    @cached_property
    def _chances(self) -> Chances:
        """Of a side, if the other is exact."""
        return Chances(np.array([self.degrees]))

    def accumulate(self, scale: Scale, at: float, low: bool) -> float:
        """The chance of a difference of at most `at`."""
        if not self.is_exact:
            return float(self._joint[scale.name].accumulate(np.array([0]), np.array([at]))[0])
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
            chance = self._chances.accumulate(np.array([0]), (apart / error)[None])[0]
        return np.where(at > 1, 1.0, np.where(at < 0, 0.0, chance))


def find_all_ends(differences: Sequence[Difference], tails: Sequence[float]) -> list[tuple[float, float]]:
    """The interval of each that errs with the chance `tails` on each side."""
    ends = np.empty((2, len(differences)))
    for rows, alike in _group(differences):
        wanted = np.array([tails[row] for row in rows])
        for end, up in zip(ends, (False, True), strict=True):
            end[rows] = alike.find_ends(wanted, up)
    return list(zip(*ends.tolist(), strict=True))


def measure_all_tails(differences: Sequence[Difference], at: float) -> list[float]:
    """Of each the chance of error on each side at which the interval ends at `at`."""
    tails = np.empty(len(differences))
    for rows, alike in _group(differences):
        each, place = np.arange(len(rows)), np.full(len(rows), at)
        sides = [[alike.measure(scale, each, place, up) for scale in alike.scales] for up in (False, True)]
        tails[rows] = np.min([np.max(side, axis=0) for side in sides], axis=0)
    return tails.tolist()


def _group(differences: Sequence[Difference]) -> Iterator[tuple[list[int], _Alike]]:
    """Those that are alike, and their places."""
    kinds: dict[tuple[bool, bool], list[int]] = {}
    for row, one in enumerate(differences):
        kinds.setdefault((one.shared, one.is_exact), []).append(row)
    for alike in kinds.values():
        for rows in (alike[at : at + _AT_ONCE] for at in range(0, len(alike), _AT_ONCE)):
            yield rows, _Alike([differences[row] for row in rows])


class _Alike:
    """D differences that are on the same scales, and either all of an exact value or none."""

    def __init__(self, differences: Sequence[Difference]) -> None:
        self._differences, self.scales = differences, differences[0].scales
        self._degrees = np.array([one.degrees for one in differences])
        self._joints = {}
        if not differences[0].is_exact:
            chances = Chances(self._degrees + 1)
            self._joints = {scale.name: _Joints.of(scale, differences, chances) for scale in self.scales}

    def measure(self, scale: Scale, rows: np.ndarray, at: np.ndarray, up: bool) -> np.ndarray:
        """(d,) the chances that some of them (d,) are at least `at` (d,), as high ends have it, or at most, as low ends do."""
        if self._joints:
            chance = self._joints[scale.name].accumulate(rows, at)
        else:
            pairs = zip(rows.tolist(), at.tolist(), strict=True)
            chance = np.array([self._differences[row].accumulate(scale, one, low=not up) for row, one in pairs])
        return 1 - chance if up else chance

    def find_ends(self, tails: np.ndarray, up: bool) -> np.ndarray:
        """(D,) the high or the low ends, each on the scale on which it lies farther out."""
        sign = 1.0 if up else -1.0
        errors = np.array([one.error for one in self._differences])
        values = sign * np.array([one.first.value - one.second.value for one in self._differences])
        wanted = stdtrit(self._degrees, tails)

        def apart(scale: Scale, rows: np.ndarray, at: np.ndarray) -> np.ndarray:
            # As quantiles of t chances fall nearly along a line, whose root is found in a few steps.
            return _bend(self._degrees[rows], self.measure(scale, rows, sign * at, up)) - wanted[rows]

        near = values - errors * wanted
        ends, slopes = np.full((2, values.size), np.nan)
        inside = np.flatnonzero((values < near) & (near + errors / 8 < 1))
        _follow_secants(partial(apart, self.scales[0]), inside, near, near + errors / 8, values, ends, slopes)
        for scale in self.scales[1:]:
            found = np.flatnonzero(np.isfinite(ends))
            beyond = apart(scale, found, ends[found]) if found.size else np.empty(0)
            found, beyond = found[beyond > 0], beyond[beyond > 0]
            start, following = ends.copy(), ends.copy()
            following[found] -= beyond / slopes[found]
            ends[found] = np.nan
            moved = found[(following[found] > start[found]) & (following[found] < 1)]
            _follow_secants(partial(apart, scale), moved, start, following, values, ends, slopes)
        lacking = np.flatnonzero(~np.isfinite(ends))
        if lacking.size:
            ends[lacking] = self._search(lacking, tails[lacking], values[lacking], up)
        return sign * ends

    def _search(self, rows: np.ndarray, tails: np.ndarray, low: np.ndarray, up: bool) -> np.ndarray:
        """(d,) the ends of some (d,), to which no few steps lead: between the value `low` and 1, which are ends if none is."""

        def apart(which: np.ndarray, at: np.ndarray) -> np.ndarray:
            place = at if up else -at
            chance = np.max([self.measure(scale, rows[which], place, up) for scale in self.scales], axis=0)
            return _bend(self._degrees[rows[which]], chance) - wanted[which]

        wanted, all_rows = stdtrit(self._degrees[rows], tails), np.arange(rows.size)
        low, high = low.copy(), np.ones(rows.size)
        below, above = apart(all_rows, low), apart(all_rows, high)
        high[below <= 0] = low[below <= 0]
        low[above >= 0] = high[above >= 0] = 1.0
        for turn in count():
            on = np.flatnonzero(high - low > _ACCURACY)
            if not on.size:
                # Of a cliff its outer side, which agrees with the test: a chance above the tail lies inside.
                return high
            # False position, halved as in the Illinois rule, and between two of these steps a bisection: it may be a cliff.
            share = np.full(on.size, 0.5) if turn % 2 else below[on] / (below[on] - above[on])
            at = low[on] + (high[on] - low[on]) * share
            if not turn % 2:
                at = np.clip(at, low[on] + _ACCURACY / 4, high[on] - _ACCURACY / 4)
            found = apart(on, at)
            rises = found > 0
            low[on[rises]], below[on[rises]] = at[rises], found[rises]
            high[on[~rises]], above[on[~rises]] = at[~rises], found[~rises]
            above[on[rises]] /= 2
            below[on[~rises]] /= 2
        raise AssertionError


def _follow_secants(
    apart: Callable[[np.ndarray, np.ndarray], np.ndarray],
    rows: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    least: np.ndarray,
    ends: np.ndarray,
    slopes: np.ndarray,
) -> None:
    """Put into `ends` the roots of falling functions above `least` and below 1, from two places near them, with `slopes` there.

    Of `rows`; those to whose root secants do not lead stay as they are.
    """
    if not rows.size:
        return
    first, second = first[rows], second[rows]
    one, other = apart(rows, first), apart(rows, second)
    before, slope_before = np.full((2, rows.size), np.nan)
    for _ in range(_SECANTS):
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = (other - one) / (second - first)
            following = second - other / slope
            # A secant misses by the product of how far both its places are from the root, times half the curvature over the slope.
            bend = (slope - slope_before) / (second - before) / slope
            missed = np.abs(bend * (following - second) * (following - first))
        inside = (least[rows] < following) & (following < 1)
        there = inside & ((missed < _ACCURACY / 10) | (np.abs(following - second) < _ACCURACY))
        ends[rows[there]], slopes[rows[there]] = following[there], slope[there]
        on = inside & ~there
        if not on.any():
            return
        rows, before, slope_before = rows[on], first[on], slope[on]
        first, second, one = second[on], following[on], other[on]
        other = apart(rows, second)


def _bend(degrees: float | np.ndarray, chance: float | np.ndarray) -> np.ndarray:
    """The quantile of t at a chance."""
    return stdtrit(degrees, np.clip(chance, _LEAST_CHANCE, 1 - _WEIGHTLESS))
