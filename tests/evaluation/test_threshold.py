from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import expit

from mitofm.evaluation import metrics, threshold
from mitofm.ground.errors import MitofmError

LOGITS = arrays(float, st.integers(3, 40), elements=st.floats(-1e3, 1e3) | st.integers(-60, 60).map(float))
SEEDS = st.integers(0, 2**32 - 1)


def labels_for(logits: np.ndarray, seed: int) -> np.ndarray:
    labels = np.random.default_rng(seed).integers(0, 2, logits.size)
    labels[:2] = [0, 1]
    return labels


def best(labels: np.ndarray, logits: np.ndarray) -> tuple[float, list[float]]:
    """The highest balanced accuracy over all cuts between logits, and the logits at which cuts reach it."""
    tried = {float(one): float(metrics.balanced_accuracy(labels, logits, one)) for one in np.unique(logits)[1:]}
    highest = max(tried.values(), default=0.5)
    return highest, [one for one, found in tried.items() if found > highest - 1e-9]


@given(LOGITS, SEEDS)
def test_no_other_cut_between_logits_is_better(logits: np.ndarray, seed: int) -> None:
    labels = labels_for(logits, seed)
    chosen = threshold.choose(labels, logits)
    assert metrics.balanced_accuracy(labels, logits, chosen) == pytest.approx(best(labels, logits)[0])


@given(arrays(float, st.integers(3, 40), elements=st.integers(-60, 60).map(float)), st.integers(-1000, 1000), SEEDS)
def test_logits_shifted_by_one_number_are_cut_in_two_as_before(logits: np.ndarray, by: int, seed: int) -> None:
    labels = labels_for(logits, seed)
    before, after = (threshold.choose(labels, one) for one in (logits, logits + by))
    at = [metrics.balanced_accuracy(labels, one, cut) for one, cut in ((logits, before), (logits + by, after))]
    assert at[0] == pytest.approx(at[1], abs=1e-12)
    if len(best(labels, logits)[1]) == 1:  # of equally good cuts the nearest to even odds is taken
        assert after == before + by


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_classes_that_are_told_apart_beyond_where_probabilities_are_equal_are_cut_apart(side: int, dtype: type) -> None:
    labels = np.repeat([0, 1], 5)
    logits = np.r_[np.linspace(38, 42, 5), np.linspace(50, 54, 5)][::side].astype(dtype) * side
    chosen = threshold.choose(labels, logits)
    assert chosen == 46 * side
    found = metrics.measure(labels, logits, chosen)
    assert {name: found[name] for name in ("auroc", "balanced_accuracy_chosen", "sensitivity_chosen")} == {
        "auroc": 1, "balanced_accuracy_chosen": 1, "sensitivity_chosen": 1}  # fmt: skip


@given(arrays(np.float32, st.integers(3, 40), elements=st.floats(-90, 90, width=32)), SEEDS)
def test_float32_is_cut_and_ranked_as_its_float64(logits: np.ndarray, seed: int) -> None:
    labels, wide = labels_for(logits, seed), logits.astype(np.float64)
    chosen = threshold.choose(labels, logits)
    assert chosen == threshold.choose(labels, wide)
    assert threshold.call_positives(logits, chosen).tolist() == (wide >= chosen).tolist()
    np.testing.assert_equal(metrics.measure(labels, logits, chosen), metrics.measure(labels, wide, chosen))


def test_neighbouring_floats_are_cut_apart() -> None:
    logits = np.array([1.0, np.nextafter(1.0, 2)])
    assert threshold.call_positives(logits, threshold.choose(np.array([0, 1]), logits)).tolist() == [False, True]


def test_it_lies_midway_between_two_logits() -> None:
    assert threshold.choose(np.array([0, 0, 1, 1]), np.array([-3.0, -2.0, -1.0, 4.0])) == -1.5


def test_of_equally_good_ones_the_nearest_to_even_odds_is_taken_the_lower_of_two() -> None:
    labels = np.array([0, 1, 0, 1])
    assert threshold.choose(labels, np.array([-4.0, -3.0, 1.0, 2.0])) == 1.5
    assert threshold.choose(labels, np.array([-2.0, -1.0, 1.0, 2.0])) == -1.5


def test_equal_logits_leave_even_odds() -> None:
    assert threshold.describe(threshold.choose(np.array([0, 1, 1]), np.full(3, 45.0)), "validation") == {
        "value": 0.5, "logit": 0.0, "rule": "validation"}  # fmt: skip


def test_one_class_is_an_error() -> None:
    with pytest.raises(MitofmError, match="both classes"):
        threshold.choose(np.ones(4, dtype=int), np.linspace(0, 1, 4))


@given(st.floats(1e-300, 1) | st.floats(1 - 1e-12, 1), st.floats(-800, 50), st.integers(-3, 3))
def test_a_probability_stored_alone_cuts_where_it_always_did(value: float, logit: float, ulps: int) -> None:
    cut = threshold.read_logit({"value": value, "rule": "validation"})
    near = cut + ulps * np.spacing(cut)
    for one in (logit, near):
        assert threshold.call_positives(np.array([one]), cut).item() == (expit(one) >= value)
