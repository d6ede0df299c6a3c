from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss

from mitofm.evaluation.calibration import brier, describe_prior, read_shift, recalibrate
from mitofm.evaluation.metrics import count_by_score, measure


def draw(seed: int, samples: int = 4000, prevalence: float = 0.2) -> tuple[np.ndarray, np.ndarray]:
    """Labels and the right log-odds of a Gaussian model."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(samples) < prevalence).astype(int)
    return labels, 2 * (rng.normal(labels, 1.0) - 0.5) / 2 + logit(prevalence)


@given(st.integers(0, 2**32 - 1), st.floats(-2, 2), st.floats(0.3, 3))
def test_intercept_slope_and_brier_are_those_of_scikit_learn(seed: int, shift: float, stretch: float) -> None:
    labels, right = draw(seed, 300, 0.4)
    scores = right * stretch + shift
    counted = count_by_score(labels, scores)
    intercept, slope = recalibrate(*counted)
    fitted = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(scores[:, None], labels)
    assert slope == pytest.approx(fitted.coef_[0, 0], rel=1e-4)
    assert expit(scores + intercept).sum() == pytest.approx(labels.sum())  # the score equation
    assert brier(*counted) == pytest.approx(brier_score_loss(labels, expit(scores)))


def test_what_a_model_is_off_by_is_what_is_found() -> None:
    labels, right = draw(0, 200_000)
    for shift, stretch in ((0.0, 1.0), (1.5, 1.0), (0.0, 2.0)):
        intercept, slope = recalibrate(*count_by_score(labels, right * stretch + shift))
        assert slope == pytest.approx(1 / stretch, abs=0.02)
        if stretch == 1:
            assert intercept == pytest.approx(-shift, abs=0.02)


@pytest.mark.parametrize("prevalence", [0.1, 0.3])
def test_a_model_that_was_right_of_equal_classes_is_right_of_those_drawn_once_the_prior_is_undone(
    prevalence: float,
) -> None:
    labels, right = draw(1, 20_000, prevalence)
    learned = right - logit(prevalence)  # as if classes were equally frequent
    prior = describe_prior(labels, 1 / np.bincount(labels)[labels])  # both classes count the same
    raw, undone = (measure(labels, learned, 0.0, shift=shift) for shift in (0.0, prior["logit"]))
    assert raw["calibration_error"] > 0.1
    assert undone["calibration_error"] < 0.015
    assert abs(undone["calibration_intercept"]) < 0.05 < abs(raw["calibration_intercept"])
    assert undone["brier"] < raw["brier"]
    assert undone["auroc"] == raw["auroc"]
    assert undone["balanced_accuracy_chosen"] == raw["balanced_accuracy_chosen"]
    assert read_shift({"prior": prior}) == prior["logit"] == pytest.approx(logit(labels.mean()))


def test_classes_that_weigh_as_they_are_drawn_need_no_shift_and_older_cells_state_none() -> None:
    assert describe_prior(np.repeat([0, 1], [90, 10]), np.ones(100))["logit"] == 0
    assert read_shift({"threshold": {"value": 0.5}}) == 0


def test_separated_classes_have_no_slope_and_one_class_has_nothing() -> None:
    scores = np.linspace(-3, 3, 40)
    intercept, slope = recalibrate(*count_by_score((scores > 0).astype(int), scores))
    assert np.isnan(slope)
    assert np.isfinite(intercept)
    assert np.isnan(recalibrate(*count_by_score(np.zeros(40, dtype=int), scores))).all()


def test_weights_are_repetitions() -> None:
    labels, right = draw(3, 200, 0.4)
    weights = np.random.default_rng(3).integers(0, 4, (5, 200)).astype(float)
    together = recalibrate(*count_by_score(labels, right, weights))
    for row, repeated in enumerate(weights.astype(int)):
        alone = recalibrate(*count_by_score(np.repeat(labels, repeated), np.repeat(right, repeated)))
        assert [one[row] for one in together] == pytest.approx(list(alone), abs=1e-6)
