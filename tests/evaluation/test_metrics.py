from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from sklearn import metrics as reference
from sklearn.calibration import calibration_curve

from mitofm.evaluation import metrics
from mitofm.evaluation.replicates import replicate
from mitofm.ground.errors import MitofmError


def average_precision(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    return metrics.average_precision(*metrics.count_by_score(labels, scores)[1:])


def best_balanced_accuracy(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    return metrics.best_balanced_accuracy(*metrics.count_by_score(labels, scores)[1:])


def calibration_error(labels: np.ndarray, probabilities: np.ndarray, bins: int = 15) -> np.ndarray:
    return metrics.calibration_error(*metrics.count_by_score(labels, probabilities), bins)


@st.composite
def labelled_logits(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Labels of both classes, and logits coarse enough that many are equal."""
    n = draw(st.integers(2, 60))
    labels = np.array(draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)))
    labels[:2] = [0, 1]
    logits = np.array(draw(st.lists(st.integers(-6, 6), min_size=n, max_size=n))) / 2
    return labels, logits


@given(labelled_logits(), st.sampled_from([-1.4, 0.0, 1.0, 2.2]))
def test_metrics_equal_those_of_sklearn(case: tuple[np.ndarray, np.ndarray], threshold: float) -> None:
    labels, logits = case
    predicted = logits >= threshold
    assert metrics.auroc(labels, logits) == pytest.approx(reference.roc_auc_score(labels, logits))
    assert average_precision(labels, logits) == pytest.approx(reference.average_precision_score(labels, logits))
    assert metrics.balanced_accuracy(labels, logits, threshold) == pytest.approx(
        reference.balanced_accuracy_score(labels, predicted)
    )
    assert metrics.weighted_f1(labels, logits, threshold) == pytest.approx(
        reference.f1_score(labels, predicted, average="weighted", zero_division=0)
    )


@given(labelled_logits())
def test_the_best_balanced_accuracy_is_that_of_the_best_threshold(case: tuple[np.ndarray, np.ndarray]) -> None:
    labels, logits = case
    thresholds = [*np.unique(logits), np.inf]
    tried = [metrics.balanced_accuracy(labels, logits, threshold) for threshold in thresholds]
    assert best_balanced_accuracy(labels, logits) == pytest.approx(max(tried))


@given(labelled_logits(), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(case: tuple[np.ndarray, np.ndarray], random: object) -> None:
    labels, logits = case
    shuffled = np.random.default_rng(random.randrange(2**32)).permutation(labels.size)  # type: ignore[attr-defined]
    for metric in (metrics.auroc, average_precision, calibration_error):
        scores = expit(logits)
        assert metric(labels, scores) == pytest.approx(metric(labels[shuffled], scores[shuffled]), abs=1e-12)


def test_calibration_error_of_equal_mass_bins_by_hand() -> None:
    probabilities = np.array([0.1, 0.2, 0.3, 0.4, 0.8, 0.9])
    labels = np.array([0, 0, 1, 0, 1, 1])
    # Two bins of three: |0.6 - 1| and |2.1 - 2|, over six samples.
    assert calibration_error(labels, probabilities, bins=2) == pytest.approx(0.5 / 6)


def test_calibration_error_equals_that_of_the_quantile_bins_of_sklearn() -> None:
    generator = np.random.default_rng(0)
    probabilities = generator.random(1500)
    labels = (generator.random(1500) < probabilities**2).astype(int)
    observed, predicted = calibration_curve(labels, probabilities, n_bins=15, strategy="quantile")
    assert calibration_error(labels, probabilities) == pytest.approx(np.abs(observed - predicted).mean())


def test_a_perfectly_calibrated_forecast_has_a_small_error_and_a_shifted_one_has_its_shift() -> None:
    generator = np.random.default_rng(0)
    probabilities = generator.uniform(0.2, 0.8, 50_000)
    labels = (generator.random(50_000) < probabilities).astype(int)
    calibrated, shifted = (calibration_error(labels, probabilities + by) for by in (0.0, 0.15))
    assert calibrated < 0.01
    assert shifted == pytest.approx(0.15, abs=0.01)


def test_undefined_metrics_are_nan() -> None:
    ones, scores, nothing = np.ones(5, dtype=int), np.linspace(0, 1, 5), np.array([])
    assert np.isnan(metrics.auroc(ones, scores))
    assert np.isnan(average_precision(ones, scores))
    assert np.isnan(average_precision(1 - ones, scores))
    assert np.isnan(best_balanced_accuracy(ones, scores))
    assert np.isnan(metrics.balanced_accuracy(ones, scores, 0.5))
    assert np.isnan(metrics.weighted_f1(nothing, nothing, 0.5))
    assert np.isnan(calibration_error(nothing, nothing))


def predictions() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "sample_id": list("abcdef"),
            "slide": ["s1", "s1", "s2", "s2", "s3", "s3"],
            "domain": ["breast"] * 4 + ["lung"] * 2,
            "label": [0, 1, 0, 1, 1, 1],
            "logit": [-2.0, 1.0, -1.0, -0.5, 2.0, 0.3],
            "evaluation_set": ["in_domain"] * 4 + ["out_of_domain"] * 2,
        }
    )


def test_summarise_names_the_sets_and_gives_null_where_a_metric_is_undefined() -> None:
    sets = metrics.summarise(predictions(), threshold=-0.8)
    assert list(sets) == ["all", "in_domain", "out_of_domain", "domain:breast", "domain:lung"]
    assert sets["all"]["n"] == 6
    assert (sets["in_domain"]["n_positive"], sets["in_domain"]["n_slides"]) == (2, 2)
    assert sets["in_domain"]["auroc"] == 1.0
    assert sets["in_domain"]["balanced_accuracy"] == 0.75
    assert sets["in_domain"]["balanced_accuracy_chosen"] == 1.0
    assert (sets["all"]["sensitivity_chosen"], sets["all"]["specificity_chosen"]) == (1.0, 1.0)
    assert sets["domain:lung"]["auroc"] is None
    assert sets["domain:lung"]["weighted_f1"] == 1.0


def test_predictions_without_named_sets_have_only_all_and_domains() -> None:
    assert list(metrics.summarise(predictions().assign(evaluation_set=""), 0.5)) == [
        "all",
        "domain:breast",
        "domain:lung",
    ]


def test_a_diverged_model_is_an_error_that_says_so() -> None:
    broken = predictions()
    broken.loc[3, "logit"] = np.nan
    with pytest.raises(MitofmError, match=r"1 of 6 logits are not finite.*'d'.*diverged"):
        metrics.summarise(broken, 0.5)


def test_samples_count_by_the_inverse_of_their_chance_to_be_tested() -> None:
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, 60)
    frame = pd.DataFrame(
        {"sample_id": range(60), "slide": np.repeat([f"s{k}" for k in range(12)], 5), "domain": "a", "label": label,
         "logit": label + rng.normal(size=60), "evaluation_set": "", "test_chance": np.repeat([0.5, 0.25], 30)}
    )  # fmt: skip
    twice = pd.concat([frame, frame[frame["test_chance"] == 0.25]])  # counts twice as much
    expected = metrics.summarise(twice.drop(columns="test_chance"), 0.1)["all"]
    found = metrics.summarise(frame, 0.1)["all"]
    for name in ("auroc", "average_precision", "balanced_accuracy", "weighted_f1", "sensitivity_chosen"):
        assert found[name] == pytest.approx(expected[name])
    assert (found["n"], found["n_slides"]) == (60, 12)
    assert replicate(frame, 0.1).of("auroc")[0] == found["auroc"]
    assert replicate(frame, 0.1).positives == pytest.approx(
        (frame["label"] * np.repeat([2 / 3, 4 / 3], 30)).groupby(frame["slide"], sort=True).sum().tolist()
    )
    assert metrics.weigh(frame.assign(test_chance=0.2)) is None
    assert metrics.weigh(frame.assign(test_chance=np.nan)) is None
    assert metrics.weigh(frame.drop(columns="test_chance")) is None
