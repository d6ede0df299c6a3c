from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mitofm.errors import MitofmError
from mitofm.evaluation import threshold
from mitofm.evaluation.metrics import balanced_accuracy


@given(arrays(float, st.integers(3, 40), elements=st.floats(0, 1)), st.integers(0, 2**32 - 1))
def test_no_other_threshold_between_scores_is_better(probabilities: np.ndarray, seed: int) -> None:
    labels = np.random.default_rng(seed).integers(0, 2, probabilities.size)
    labels[:2] = [0, 1]
    chosen = threshold.choose(labels, probabilities)
    best = balanced_accuracy(labels, probabilities, chosen)
    values = np.unique(probabilities)
    assert best is not None
    for other in values[1:]:
        rival = balanced_accuracy(labels, probabilities, float(other))
        assert rival is not None
        assert best >= rival - 1e-9


def test_it_lies_midway_between_two_scores() -> None:
    assert threshold.choose(np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.3, 0.9])) == pytest.approx(0.25)


def test_of_equally_good_ones_the_nearest_to_one_half_is_taken() -> None:
    # 0.15 and 0.65 both give 0.75; 0.65 is nearer to 0.5.
    labels, probabilities = np.array([0, 1, 0, 1]), np.array([0.1, 0.2, 0.6, 0.7])
    assert threshold.choose(labels, probabilities) == pytest.approx(0.65)


def test_equal_scores_leave_one_half() -> None:
    assert threshold.choose(np.array([0, 1, 1]), np.full(3, 0.9)) == 0.5


def test_one_class_is_an_error() -> None:
    with pytest.raises(MitofmError, match="both classes"):
        threshold.choose(np.ones(4, dtype=int), np.linspace(0, 1, 4))
