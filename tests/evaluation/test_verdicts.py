from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.stats import studentized_range
from scipy.stats import t as student

from mitofm.evaluation import verdicts
from mitofm.evaluation.statistics import Estimate

VALUES, ERRORS, DEGREES = st.floats(-0.2, 0.2), st.floats(0.001, 0.1), st.floats(1, 80)
NOTHING = Estimate(0.01, slides=4, seeds=5, why="under 6 slides")


def found(value: float, error: float, degrees: float = 19, seeds: int = 5) -> Estimate:
    made = Estimate(value, standard_error=error, degrees=degrees, slides=20, effective_slides=20, seeds=seeds)
    return made.reach(0.025)


@given(VALUES, ERRORS, DEGREES, st.integers(1, 70))
def test_interval_p_value_and_outcome_never_contradict_each_other(
    value: float, error: float, degrees: float, count: int
) -> None:
    estimate = found(value, error, degrees).among(count)
    p = verdicts.difference_p(estimate, count)
    outcome = verdicts.judge(estimate, margin=0.02)
    if abs(p - 0.05) > 1e-9:
        assert (p < 0.05) == estimate.decided
    inside = estimate.low > -0.02 and estimate.high < 0.02
    assert (outcome == "equivalent") == inside
    if not inside:
        assert outcome == {True: "better" if value > 0 else "worse", False: "not decided"}[estimate.decided]
    assert estimate.verdict == ("not decided" if not estimate.decided else "higher" if value > 0 else "lower")


@given(VALUES, ERRORS, st.sampled_from([1.0, 4.7, 80.0]), st.sampled_from([2, 3, 12]))
def test_a_family_never_decides_what_one_alone_does_not(
    value: float, error: float, degrees: float, members: int
) -> None:
    one = found(value, error, degrees)
    for wider in (one.among(members), *verdicts.compare_all([one], members)):
        assert wider.low <= one.low + 1e-12
        assert wider.high >= one.high - 1e-12


def test_two_members_are_one_comparison_and_more_are_studentized_ranges() -> None:
    one = found(0.05, 0.02, 19)
    assert verdicts.compare_all([one], 2) == [one]
    (three,) = verdicts.compare_all([one], 3)
    # Tables of the studentized range at 0.05: 3.59 for 3 groups and 19 degrees of freedom, 3.67 for 15.
    assert 3.59 <= (three.high - three.value) / 0.02 * np.sqrt(2) <= 3.68


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
    assert verdicts.judge(found(value, error)) == outcome


def test_one_training_of_each_decides_nothing_however_far_apart() -> None:
    assert verdicts.judge(found(0.08, 0.001, seeds=1)) == "one training only"
    assert verdicts.judge(found(0.0, 0.001, seeds=1)) == "one training only"


def test_pairs_that_training_seems_not_to_move_are_as_unsure_as_the_others() -> None:
    parts = {"slide_error": 0.01, "slide_degrees": 19.0, "standard_error": 0.01}
    one, other = (replace(found(0.05, 0.01), **parts).with_training(sd) for sd in (0.0, 0.04))
    together = verdicts.compare_all([one.reach(0.025), other.reach(0.025)], 3)
    shared = np.sqrt(0.04**2 / 2)
    assert [each.training_sd for each in together] == [pytest.approx(shared), 0.04]
    assert together[0].standard_error == pytest.approx(np.sqrt(0.01**2 + shared**2 / 5))


def subtract(values: tuple, errors: tuple, alike: float, degrees: float = 9) -> Estimate:
    """A difference of two AUROCs whose errors correlate so."""
    parts = {"slides": 20, "effective_slides": 20, "seeds": 5, "degrees": degrees}
    sides = [
        Estimate(value, standard_error=error, bounded=True, **parts)
        for value, error in zip(values, errors, strict=True)
    ]
    error = np.sqrt(errors[0] ** 2 + errors[1] ** 2 - 2 * alike * errors[0] * errors[1])
    one = Estimate(values[0] - values[1], standard_error=float(error), sides=tuple(sides), **parts)
    return one.reach(0.025)


def test_trainings_that_move_a_difference_by_more_than_its_sides_show_widen_it() -> None:
    one = subtract((0.9, 0.88), (0.001, 0.001), 0.0)
    wider = replace(one, standard_error=0.02).reach(float(student.sf(2.0, one.degrees)))
    assert wider.high - wider.low == pytest.approx(4 * 0.02, rel=0.03)


@example((0.869140625, 0.5), (0.068359375, 0.703125), 0.9296875, 29)  # 0 is held at some errors, not at somewhat more
@given(
    st.tuples(*[st.floats(0.5, 0.999)] * 2),
    st.tuples(*[st.floats(0.01, 1)] * 2),
    st.floats(-1, 0.99),
    st.integers(2, 70),
)
def test_differences_near_1_are_decided_alike_by_interval_and_p_value(
    values: tuple, shares: tuple, alike: float, count: int
) -> None:
    errors = tuple(share * min(0.1, 1 - value) for value, share in zip(values, shares, strict=True))
    one = subtract(values, errors, alike, degrees=3)
    wider = one.among(count)
    assert wider.low <= one.low + 1e-12
    assert wider.high >= one.high - 1e-12
    for found, among in ((one, 1), (wider, count)):
        p = verdicts.difference_p(found, among)
        if abs(p - 0.05) > 1e-9:
            assert (p < 0.05) == found.decided


def test_without_an_interval_nothing_is_said() -> None:
    assert verdicts.difference_p(NOTHING) is None
    assert verdicts.judge(NOTHING.among(3)) == "no interval"
    assert verdicts.judge(*verdicts.compare_all([NOTHING], 3)) == "no interval"


@pytest.mark.parametrize(("members", "degrees"), [(3, 1.0), (6, 16.4), (40, 60.0)])
def test_the_range_is_the_quantile_of_the_studentized_one(members: int, degrees: float) -> None:
    assert verdicts.find_range(members, degrees) * 2**0.5 == pytest.approx(
        studentized_range.ppf(0.95, members, degrees), rel=1e-12
    )
