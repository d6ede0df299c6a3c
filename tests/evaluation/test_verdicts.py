from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student

from mitofm.evaluation import verdicts
from mitofm.evaluation.statistics import Estimate


def found(value: float, error: float, degrees: int = 19) -> Estimate:
    half = student.ppf(0.975, degrees) * error
    return Estimate(value, value - half, value + half, error, degrees, degrees + 1, 5)


NOTHING = Estimate(0.01, slides=4, seeds=5, why="under 6 slides")


@given(st.floats(-0.2, 0.2), st.floats(0.001, 0.1), st.integers(5, 80))
def test_a_difference_is_decided_where_its_interval_leaves_out_zero(value: float, error: float, degrees: int) -> None:
    estimate = found(value, error, degrees)
    p = verdicts.difference_p(estimate)
    if abs(p - 0.05) > 1e-9:
        assert (p < 0.05) == estimate.decided
    assert (verdicts.judge(estimate, p, 1.0) == "not decided") == (p >= 0.05)


@given(st.floats(-0.2, 0.2), st.floats(0.001, 0.1), st.integers(5, 80))
def test_equivalent_is_where_the_90_percent_interval_is_within_the_margin(
    value: float, error: float, degrees: int
) -> None:
    half = student.ppf(0.95, degrees) * error
    inside = min(value - half + 0.02, 0.02 - value - half)
    p = verdicts.equivalence_p(found(value, error, degrees))
    if abs(inside) > 1e-9:
        assert (p < 0.05) == (inside > 0)


@pytest.mark.parametrize(
    ("value", "error", "outcome"),
    [
        (0.001, 0.004, "equivalent"),
        (0.010, 0.002, "equivalent"),  # not 0, but surely within the margin
        (0.001, 0.020, "not decided"),
        (0.025, 0.015, "not decided"),
        (0.080, 0.010, "better"),
        (0.030, 0.010, "better"),
        (-0.080, 0.010, "worse"),
    ],
)
def test_a_comparison_has_four_outcomes(value: float, error: float, outcome: str) -> None:
    estimate = found(value, error)
    p_values = verdicts.difference_p(estimate), verdicts.equivalence_p(estimate)
    assert verdicts.judge(estimate, *p_values) == outcome


def test_two_that_no_slide_tells_apart_are_equivalent() -> None:
    same = Estimate(0.0, 0.0, 0.0, 0.0, 11, 12, 5)
    p, q = verdicts.difference_p(same), verdicts.equivalence_p(same)
    assert (p, q) == (1.0, 0.0)
    assert verdicts.judge(same, p, q) == "equivalent"


def test_without_an_interval_nothing_is_said() -> None:
    assert verdicts.difference_p(NOTHING) is None
    assert verdicts.equivalence_p(NOTHING) is None
    assert verdicts.judge(NOTHING, None, None) == "no interval"


def test_holm_by_hand() -> None:
    assert verdicts.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert verdicts.holm([0.02, None, 0.01]) == [pytest.approx(0.02), None, pytest.approx(0.02)]
    assert verdicts.holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_lies_between_no_correction_and_bonferroni_and_keeps_the_order(p_values: list[float]) -> None:
    adjusted = verdicts.holm(p_values)
    for p, value in zip(p_values, adjusted, strict=True):
        assert p - 1e-12 <= value <= min(1, p * len(p_values)) + 1e-12
    order = np.argsort(p_values, kind="stable")
    assert (np.diff(np.array(adjusted)[order]) >= 0).all()
