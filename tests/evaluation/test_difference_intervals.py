"""Intervals of differences near 1 beside draws from the distribution that they are quantiles of."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit
from scipy.stats import t as student

from mitofm.evaluation.difference_intervals import Difference, Side, measure_all_tails

DRAWS = 400_000
TAIL = 0.025


def join(
    first: tuple, second: tuple, alike: float, degrees: float, shared: bool = True, slides: float = 20
) -> Difference:
    """Of two values with errors that correlate so."""
    error = np.sqrt(first[1] ** 2 + second[1] ** 2 - 2 * alike * first[1] * second[1])
    return Difference(Side(*first, slides), Side(*second, slides), float(error), degrees, shared)


def draw(one: Difference, alike: float, scale: str) -> np.ndarray:
    """(DRAWS,) differences of two values that follow a bivariate t on a scale."""
    rng = np.random.default_rng(0)
    own = rng.standard_normal((2, DRAWS)) / np.sqrt(rng.chisquare(one.degrees, DRAWS) / one.degrees)
    errors = own[0], alike * own[0] + np.sqrt(1 - alike**2) * own[1]
    found = []
    for side, error in zip((one.first, one.second), errors, strict=True):
        slope = side.value * (1 - side.value)
        if scale == "log-odds":
            found.append(expit(logit(side.value) + side.error / slope * error))
        else:
            angle = np.arcsin(np.sqrt(side.value)) + side.error / (2 * np.sqrt(slope)) * error
            found.append(np.sin(np.clip(angle, 0, np.pi / 2)) ** 2)
    return found[0] - found[1]


@pytest.mark.parametrize("alike", [-0.5, 0.0, 0.7, 0.98])
@pytest.mark.parametrize(
    ("first", "second", "degrees"),
    [((0.9, 0.03), (0.86, 0.04), 5.0), ((0.995, 0.004), (0.97, 0.02), 3.0), ((0.97, 0.01), (0.97, 0.01), 12.0)],
)
def test_ends_are_quantiles_of_what_the_sides_draw(first: tuple, second: tuple, degrees: float, alike: float) -> None:
    one = join(first, second, alike, degrees)
    drawn = [np.quantile(draw(one, alike, scale), [TAIL, 1 - TAIL]) for scale in ("log-odds", "arcsine")]
    hull = min(ends[0] for ends in drawn), max(ends[1] for ends in drawn)
    width = hull[1] - hull[0]
    # The arcsine ends at 1; draws beyond are counted as 1, as a mean beyond has no difference.
    assert one.find_ends(TAIL) == pytest.approx(hull, abs=0.03 * width)
    apart = join(first, second, alike, degrees, shared=False)
    assert apart.find_ends(TAIL) == pytest.approx(tuple(drawn[0]), abs=0.015 * width)


def test_what_both_sides_share_cancels_on_either_side_of_the_estimate() -> None:
    """Two methods for which the same few slides are hard: the wide lower arms of both are no reason for a wide interval."""
    low, high = join((0.99, 0.01), (0.99, 0.01), 0.98, 8).find_ends(TAIL)
    assert -0.015 < low < 0 < high < 0.015
    assert low == pytest.approx(-high)


def test_exact_values_are_off_to_one_side_as_an_exact_binomial_interval_is() -> None:
    end = TAIL ** (1 / 20)
    assert join((1.0, 0.0), (1.0, 0.0), 0, 8).find_ends(TAIL) == pytest.approx((end - 1, 1 - end), abs=1e-3)
    low, high = join((1.0, 0.0), (0.5, 1e-6), 0, 8).find_ends(TAIL)
    assert (low, high) == pytest.approx((end - 0.5, 0.5), abs=1e-3)
    low, high = join((0.0, 0.0), (0.5, 1e-6), 0, 8).find_ends(TAIL)
    assert (low, high) == pytest.approx((-0.5, 0.5 - end), abs=1e-3)
    assert join((1.0, 0.0), (0.0, 0.0), 0, 8).find_ends(TAIL)[1] == 1.0
    assert join((0.0, 0.0), (1.0, 0.0), 0, 8).find_ends(TAIL)[0] == -1.0


def test_far_from_the_ends_it_is_the_t_interval() -> None:
    one = join((0.51, 0.002), (0.5, 0.003), 0.8, 9)
    half = student.ppf(0.975, 9) * one.error
    assert one.find_ends(TAIL) == pytest.approx((0.01 - half, 0.01 + half), abs=1e-4)


VALUES = st.one_of(st.floats(0.5, 0.999), st.just(1.0), st.just(0.0))


@given(VALUES, VALUES, st.floats(0.01, 1), st.floats(0.01, 1), st.floats(-1, 0.99), st.floats(2, 60), st.booleans())
def test_smaller_errors_give_wider_intervals_with_the_tails_asked_for(
    first: float, second: float, share: float, other: float, alike: float, degrees: float, shared: bool
) -> None:
    sides = [
        (value, 0.1 * part * min(1.0, 10 * (1 - value)) if 0 < value < 1 else 0.0)
        for value, part in ((first, share), (second, other))
    ]
    one = join(*sides, alike, degrees, shared)
    narrow, wide = (one.find_ends(tail) for tail in (0.025, 0.001))
    assert -1 <= wide[0] <= narrow[0] + 1e-9
    assert narrow[0] <= first - second <= narrow[1]
    assert narrow[1] - 1e-9 <= wide[1] <= 1
    for end in narrow:
        if abs(end) < 1 and abs(end - (first - second)) > 1e-6:
            assert measure_all_tails([one], end)[0] == pytest.approx(0.025, abs=1e-3)
    mirrored = join(sides[1], sides[0], alike, degrees, shared).find_ends(0.025)
    assert mirrored == pytest.approx((-narrow[1], -narrow[0]), abs=1e-6)
