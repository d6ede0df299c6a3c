from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from mitofm.evaluation import metrics
from mitofm.evaluation.calibration_noise import measure_noise


def test_it_is_the_calibration_error_of_probabilities_that_are_right() -> None:
    rng = np.random.default_rng(0)
    for samples in (40, 400, 2000):
        log_odds = np.round(rng.normal(0, 2, samples), 1)  # with ties
        weights = rng.choice([3.0, 5.0], samples)
        for counted in (None, weights):
            errors = []
            for _ in range(300):
                labels = (rng.random(samples) < expit(log_odds)).astype(int)
                values, negatives, positives = metrics.count_by_score(labels, log_odds, counted)
                errors.append(float(metrics.calibration_error(expit(values), negatives, positives)))
            noise = measure_noise(log_odds, counted)
            assert noise == pytest.approx(np.mean(errors), rel=0.05), (samples, counted is None)
    assert measure_noise(rng.normal(0, 2, 20_000)) < noise / 2  # a tenth of the samples has about three times as much


def test_many_samples_have_that_of_the_normal_distribution() -> None:
    log_odds = np.random.default_rng(1).normal(0, 1, 15_000)
    spread = (expit(np.sort(log_odds)) * expit(-np.sort(log_odds))).reshape(15, 1000).sum(axis=1)
    assert measure_noise(log_odds) == pytest.approx(np.sqrt(2 / np.pi * spread).sum() / 15_000, rel=0.03)


def test_neither_labels_nor_order_nor_a_constant_weight_play_a_part_and_nothing_has_none() -> None:
    rng = np.random.default_rng(2)
    log_odds, weights = rng.integers(-4, 4, 60) / 2, rng.choice([1.0, 2.0], 60)
    order = rng.permutation(60)
    assert measure_noise(log_odds[order], weights[order]) == measure_noise(log_odds, weights)
    assert measure_noise(log_odds, np.full(60, 2.0)) == pytest.approx(measure_noise(log_odds))
    assert np.isnan(measure_noise(np.empty(0)))
    assert measure_noise(np.full(10, 800.0)) == 0  # certain, and right
