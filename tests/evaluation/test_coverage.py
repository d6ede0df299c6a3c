"""What the statistics promise, on simulated test sets whose truth is known: a small form of `make coverage`."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, rankdata

from mitofm.evaluation import statistics, verdicts
from mitofm.evaluation.replicates import replicate

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import left_out
from design import AXES, design
from laws import LABELS, TrueLaw, simulate_law
from left_out import CALIBRATIONS
from promises import DOUBT, FEW, find_far
from repetitions import simulate, simulate_family
from simulated import METRICS, Setting, SimulatedSet

REPETITIONS, FEW_REPETITIONS = 500, 60


def half_width_ignoring_slides(positive: np.ndarray, scores: np.ndarray) -> float:
    """Of the 95 % interval of DeLong et al. 1988, to which every sample is its own unit: the mistake to avoid."""
    ranks, own = rankdata(scores), np.empty(scores.size)
    for side in (positive, ~positive):
        own[side] = rankdata(scores[side])
    shares = (ranks - own)[positive] / (~positive).sum(), 1 - (ranks - own)[~positive] / positive.sum()
    return norm.ppf(0.975) * np.sqrt(sum(share.var(ddof=1) / share.size for share in shares))


def predict(drawn: SimulatedSet, scores: np.ndarray) -> pd.DataFrame:
    slides = np.array(drawn.names)[drawn.slide]
    labels = drawn.positive.astype(int)
    return pd.DataFrame({"sample_id": np.arange(scores.size), "slide": slides, "label": labels, "logit": scores})


@pytest.mark.parametrize("slides", [8, 20, 71])
def test_intervals_cover_and_paired_tests_hold_their_level_and_ignoring_slides_fails(slides: int) -> None:
    # Trainings are equal, so that two seeds of one method are also two equal methods.
    setting, rng = Setting(slides, "mild", 0.85, 0.5, 0.0, 0.0, 2), np.random.default_rng(slides)
    truth = setting.tell_truth("auroc", setting.auroc, np.zeros(2))
    covered, rejected, naive = [], [], []
    for _ in range(REPETITIONS):
        drawn = SimulatedSet(setting, rng)
        scores = [drawn.score(setting.auroc, 0.0) for _ in range(2)]
        one, other = (drawn.replicate(each, setting.auroc, ("auroc",)) for each in scores)
        found = statistics.estimate([one, other])
        if found.low is None or found.high is None:
            continue
        covered.append(found.low <= truth <= found.high)
        p = verdicts.difference_p(statistics.subtract_paired({0: one}, {0: other}))
        rejected.append(p is not None and p < 0.05)
        value = one.of("auroc")[0]
        naive.append(abs(value - truth) <= half_width_ignoring_slides(drawn.positive, scores[0]))
    assert len(covered) > 0.97 * REPETITIONS
    assert 0.92 <= np.mean(covered) <= (0.985 if slides >= FEW else 0.99)
    assert np.mean(rejected) <= 0.065
    assert np.mean(naive) < 0.85


@pytest.mark.parametrize(
    "setting",
    [Setting(12, "mild", 0.85, 0.5, 0.4, 0.02, 2), Setting(43, "heavy", 0.97, 0.3, 0.4, 0.04, 2)],
    ids=lambda setting: f"{setting.slides} slides",
)
def test_no_promise_is_broken_beyond_simulation_error(setting: Setting) -> None:
    table = pd.DataFrame(simulate(setting, FEW_REPETITIONS, seed=0))
    assert (table["given"] > 0.9).all()
    assert table["level"].count() == 3
    assert table["equivalent"].count() == 1
    assert find_far(table, DOUBT) == []


def test_the_highest_of_equal_models_is_rarely_called_higher_and_its_interval_covers() -> None:
    row = simulate_family(Setting(12, "mild", 0.85, 0.3, 0.4, 0.02, 2), 40, seed=0)[0]
    assert row["false_higher"] <= 0.06
    assert row["uncorrected"] > 0.1
    assert row["coverage"] >= 0.92


def test_scaling_laws_hold_the_labels_that_are_needed() -> None:
    setting = Setting(43, "heavy", 0.9, 0.3, 0.4, 0.04, 5)
    truth = TrueLaw(setting)
    errors = [1 - one.tell_truth("auroc", one.auroc, np.zeros(5)) for one in truth.amounts]
    assert errors == pytest.approx([truth.error(labels) for labels in LABELS])
    assert [errors[0], errors[-1], truth.c] == pytest.approx([0.4, 0.1, 0.05])
    table = pd.DataFrame(simulate_law(setting, 40, seed=0))
    assert sorted(table["quantity"])[0] == "AUROC at twice the labels"
    assert (table["given"] > 0.9).all()
    assert find_far(table, DOUBT) == []


@pytest.mark.parametrize("setting", [(6, "heavy", 0.85, 0.1), (12, "mild", 0.55, 0.3), (71, "heavy", 0.97, 0.5)])
def test_simulated_sets_are_measured_as_the_package_measures_predictions(setting: tuple) -> None:
    drawn = SimulatedSet(Setting(*setting, 0.4, 0.02, 1), np.random.default_rng(1))
    scores = drawn.score(0.85, 0.1)
    fast, slow = drawn.replicate(scores, 0.85), replicate(predict(drawn, scores), threshold=0.0)
    assert fast.slides == slow.slides
    assert fast.negatives == slow.negatives
    assert fast.positives == slow.positives
    log_odds = drawn.setting.tell_log_odds(scores, 0.85)
    calibrated = replicate(predict(drawn, log_odds), threshold=0.0)
    for metric in METRICS:
        slow_of = (calibrated if metric in CALIBRATIONS else slow).of(metric)
        np.testing.assert_allclose(fast.of(metric), slow_of, rtol=1e-6 if metric == "calibration_slope" else 1e-12)


def test_of_many_slides_one_step_leads_near_the_slope_without_each(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = SimulatedSet(Setting(71, "heavy", 0.85, 0.3, 0.4, 0.02, 1), np.random.default_rng(1))
    scores = drawn.score(0.85, 0.1)
    exact = drawn.replicate(scores, 0.85).of("calibration_slope")
    monkeypatch.setattr(left_out, "_MANY", 0)
    near = drawn.replicate(scores, 0.85).of("calibration_slope")
    assert np.abs(near - exact).max() < 0.1 * np.abs(exact[1:] - exact[0]).max()


@pytest.mark.parametrize("metric", METRICS)
def test_the_truth_is_what_endless_slides_show(metric: str) -> None:
    setting = Setting(20_000, "mild", 0.85, 0.3, 0.4, 0.04, 1)
    drawn, move = SimulatedSet(setting, np.random.default_rng(0)), np.array([0.2])
    found = replicate_whole(drawn, drawn.score(0.85, 0.2))[metric]
    assert found == pytest.approx(setting.tell_truth(metric, 0.85, move), abs=0.01 if metric != "brier" else 0.002)


def replicate_whole(drawn: SimulatedSet, scores: np.ndarray) -> dict[str, float]:
    """Of all slides as one, of which there are too many to leave each out."""
    drawn.slide, drawn.names = np.zeros_like(drawn.slide), ["all"]
    return {metric: drawn.replicate(scores, 0.85).of(metric)[0] for metric in METRICS}


def test_with_several_trainings_the_truth_is_their_mean_and_a_lower_method_is_lower_by_the_margin() -> None:
    several, single = (Setting(8, "mild", 0.97, 0.3, 0.4, 0.04, seeds) for seeds in (5, 1))
    moves = several.moving_sd * np.random.default_rng(0).standard_normal(4000)
    mean = np.mean([single.tell_truth("auroc", 0.97, np.array([move])) for move in moves])
    truth = several.tell_truth("auroc", 0.97, np.zeros(5))
    assert mean == pytest.approx(truth, abs=0.002)
    assert truth - several.tell_truth("auroc", several.lower(0.02), np.zeros(5)) == pytest.approx(0.02, abs=1e-9)


def test_a_promise_is_broken_by_far_only_beyond_simulation_error() -> None:
    kept = {"slides": 12, "quantity": "auroc", "intervals": 150, "coverage": 0.88}
    shares = dict.fromkeys(("level", "equivalent", "false_higher"), np.nan)
    assert find_far(pd.DataFrame([kept | shares])) == []
    assert find_far(pd.DataFrame([kept | shares | {"coverage": 0.82}])) == ["covers at least 92 %"]
    assert find_far(pd.DataFrame([kept | shares | {"coverage": 0.82, "slides": 8}])) == []
    assert find_far(pd.DataFrame([kept | shares | {"level": 0.2}])) == ["tells equal methods apart in at most 6.5 %"]
    assert find_far(pd.DataFrame([kept | shares | {"level": 0.2, "intervals": 5}])) == []


def test_a_fraction_of_the_design_has_different_settings_and_every_level_as_often() -> None:
    settings = design(240, AXES, seed=0)
    assert len(set(settings)) == 240
    for axis, levels in AXES.items():
        counts = [sum(getattr(setting, axis) == level for setting in settings) for level in levels]
        assert max(counts) - min(counts) <= 1
    assert design(240, AXES, seed=0) == settings
    assert len(set(design(2_000, AXES, seed=0))) == 2_000
    assert design(10_000, AXES, seed=0) == design(10_000, AXES, seed=1)
