from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from scipy.stats import t as student
from sklearn.metrics import average_precision_score, balanced_accuracy_score, f1_score, roc_auc_score

from mitofm.evaluation import statistics, verdicts
from mitofm.evaluation.replicates import Replicates, replicate
from mitofm.evaluation.statistics import Estimate
from mitofm.ground.errors import MitofmError

THRESHOLD = 0.85


def repeat_slide(seed: pd.DataFrame, slide: str, times: int) -> pd.DataFrame:
    """With the samples of `slide` so many times more."""
    of_it = seed[seed["slide"] == slide]
    more = [of_it.assign(sample_id=of_it["sample_id"] + 10_000 * (1 + copy)) for copy in range(times)]
    return pd.concat([seed, *more], ignore_index=True)


def measured(seeds: list[pd.DataFrame]) -> list[Replicates]:
    return [replicate(seed, THRESHOLD) for seed in seeds]


@pytest.fixture
def drawn(simulation):
    """Replicates of simulated seeds."""
    return lambda seed, slides, seeds=1: measured(simulation.seeds(np.random.default_rng(seed), slides, seeds))


def test_the_estimate_is_the_mean_of_the_seeds_and_their_spread_is_separate(simulation) -> None:
    seeds = simulation.seeds(np.random.default_rng(1), 12, seeds=3)
    each = [roc_auc_score(seed["label"], seed["logit"]) for seed in seeds]
    found = statistics.estimate(measured(seeds))
    assert found.value == pytest.approx(np.mean(each))
    assert found.seed_sd == pytest.approx(np.std(each, ddof=1))
    assert (found.seeds, found.slides) == (3, 12)


def test_the_standard_error_holds_slides_and_trainings_with_the_degrees_of_satterthwaite() -> None:
    """By hand: three seeds on eight slides of equal size."""
    rng = np.random.default_rng(0)
    values = 0.8 + np.array([[-0.02], [0.0], [0.03]]) + np.hstack([np.zeros((3, 1)), rng.normal(0, 0.004, (3, 8))])
    names = [f"slide{place}" for place in range(8)]
    seeds = [Replicates(names, "same", [5] * 8, [5] * 8, {"auroc": row.tolist()}) for row in values]
    found = statistics.estimate(seeds)
    squares = (values[:, 1:].mean(axis=0) - values[:, 1:].mean()) ** 2
    of_slides = 7 / 8 * squares.sum()
    of_training = statistics.measure_seed_variance(values) / 3
    assert of_training > 0
    assert found.standard_error == pytest.approx(np.sqrt(of_slides + of_training))
    own = min(7, squares.sum() ** 2 / (squares**2).sum())
    seen = (of_training + values[:, 0].var(ddof=1) / 3) / 2
    degrees = (of_slides + of_training) ** 2 / (of_slides**2 / own + seen**2 / 2)
    assert found.degrees == pytest.approx(degrees)
    assert found.training_sd == pytest.approx(np.sqrt(3 * of_training))
    assert found.effective_slides == pytest.approx(8)


def test_a_family_is_wider_than_each_of_its_members_and_holds_a_value_picked_from_it(drawn) -> None:
    one = statistics.estimate(drawn(1, 20, 2))
    family = one.among(12)
    assert family.low < one.low < one.value < one.high < family.high
    assert one.among(1) == one
    half = student.ppf(1 - 0.025 / 12, one.degrees) * one.standard_error / (one.value * (1 - one.value))
    assert family.low == pytest.approx(expit(logit(one.value) - half))


def test_slides_of_unequal_size_are_fewer(simulation) -> None:
    (seed,) = simulation.seeds(np.random.default_rng(3), 20)
    large = repeat_slide(seed, "slide3", 30)
    even, uneven = (statistics.estimate(measured([one])) for one in (seed, large))
    assert uneven.effective_slides < even.effective_slides <= 20
    assert uneven.low is None or uneven.degrees < even.degrees


def test_what_one_training_of_each_shows_is_no_verdict_on_methods(drawn) -> None:
    first, second = drawn(5, 15, 2)
    assert statistics.subtract_paired({0: first}, {0: second}).verdict == "one training only"
    assert statistics.subtract_paired({0: first, 1: first}, {0: second, 1: second}).verdict != "one training only"


def test_every_metric_has_an_interval_around_its_value(simulation) -> None:
    (seed,) = simulation.seeds(np.random.default_rng(2), 30)
    called = seed["logit"] >= THRESHOLD
    expected = {
        "auroc": roc_auc_score(seed["label"], seed["logit"]),
        "average_precision": average_precision_score(seed["label"], seed["logit"]),
        "balanced_accuracy": balanced_accuracy_score(seed["label"], seed["logit"] >= 0),
        "balanced_accuracy_chosen": balanced_accuracy_score(seed["label"], called),
        "weighted_f1": f1_score(seed["label"], seed["logit"] >= 0, average="weighted"),
        "weighted_f1_chosen": f1_score(seed["label"], called, average="weighted"),
    }
    (found,) = measured([seed])
    for name in found.values.keys() - {"calibration_noise"}:  # what chance alone gives
        estimate = statistics.estimate([found], name)
        assert estimate.low < estimate.value < estimate.high, name
        if name in expected:
            assert estimate.value == pytest.approx(expected[name]), name


def test_repeating_a_seed_adds_no_information(drawn) -> None:
    once = drawn(2, 12)
    one, ten = statistics.estimate(once), statistics.estimate(once * 10)
    assert (ten.low, ten.high) == (pytest.approx(one.low), pytest.approx(one.high))
    assert ten.seed_sd == pytest.approx(0, abs=1e-12)
    assert ten.training_sd == pytest.approx(0, abs=1e-6)


def test_seeds_with_different_test_slides_share_the_union(simulation) -> None:
    (seed,) = simulation.seeds(np.random.default_rng(3), 20)
    halves = [seed[seed["slide"].isin(names)] for names in np.array_split(seed["slide"].unique(), 2)]
    assert statistics.estimate(measured(halves)).slides == 20


@pytest.mark.parametrize("spread", [0.0, 0.5])
def test_what_training_adds_is_told_apart_from_what_test_slides_do(simulation, spread: float) -> None:
    """Seeds tested on different slides vary even where training does not."""
    generator = np.random.default_rng(4)
    training, seen, true = [], [], []
    for _ in range(40):
        effects = 1.6 + spread * generator.standard_normal(4)
        seeds = [simulation.seeds(generator, 12, effect=effect)[0] for effect in effects]
        seeds = [seed.assign(slide=f"{place} " + seed["slide"]) for place, seed in enumerate(seeds)]
        found = statistics.estimate(measured(seeds))
        training.append(found.training_sd**2)
        seen.append(found.seed_sd**2)
        far = [simulation.seeds(generator, 300, samples=8, effect=effect)[0] for effect in effects]
        true.append(np.var([roc_auc_score(seed["label"], seed["logit"]) for seed in far], ddof=1))
    assert np.mean(seen) > np.mean(true) + 1e-3
    assert np.mean(training) == pytest.approx(np.mean(true), abs=5e-4)


def test_the_variance_of_seeds_by_hand() -> None:
    # Two seeds on slides of their own: leaving out a slide of one does not move the other.
    values = np.array([[0.80, 0.78, 0.82, 0.80, 0.80], [0.90, 0.90, 0.90, 0.89, 0.91]])
    sampling = 3 / 4 * (2 * 0.02**2 + 2 * 0.01**2) / 2
    assert statistics.measure_seed_variance(values) == pytest.approx(0.1**2 / 2 - sampling)
    values[1] = values[0] + 0.1  # the same slides move both alike: nothing to explain away
    assert statistics.measure_seed_variance(values) == pytest.approx(0.1**2 / 2)


def test_a_paired_difference_is_narrower_than_an_unpaired_one(drawn) -> None:
    first, second = drawn(5, 15, 2)
    paired = statistics.subtract_paired({0: first}, {0: second})
    alone = [statistics.estimate([side]) for side in (first, second)]
    assert paired.value == pytest.approx(alone[0].value - alone[1].value)
    assert paired.standard_error < np.hypot(*(side.standard_error for side in alone)) / 2


def test_a_paired_difference_changes_its_sign_with_its_order(drawn) -> None:
    first, second = drawn(6, 15, 2)
    ahead = statistics.subtract_paired({0: first}, {0: second}, "average_precision")
    behind = statistics.subtract_paired({0: second}, {0: first}, "average_precision")
    assert ahead.value == pytest.approx(-behind.value)
    assert ahead.low == pytest.approx(-behind.high)


def test_only_common_seeds_are_compared(drawn) -> None:
    seeds = drawn(7, 10, 3)
    found = statistics.subtract_paired({42: seeds[0], 43: seeds[1]}, {43: seeds[2], 44: seeds[0]})
    assert found.seeds == 1
    assert statistics.subtract_paired({42: seeds[0]}, {43: seeds[1]}).value is None


def test_different_samples_are_refused(drawn) -> None:
    first, second = drawn(8, 10, 2)
    with pytest.raises(MitofmError, match=r"seed 42.*same samples"):
        statistics.subtract_paired({42: first}, {42: replace(second, samples="others")})


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda seed: seed[seed["slide"].isin([f"slide{index}" for index in range(5)])], "under 6 slides"),
        (lambda seed: seed.assign(label=(seed["slide"] == "slide0").astype(int)), "one slide holds a whole class"),
        (lambda seed: repeat_slide(seed, "slide0", 99), "few slides hold nearly all samples"),
    ],
)
def test_no_interval_where_none_is_honest(simulation, change, why: str) -> None:
    found = statistics.estimate(measured([change(simulation.seeds(np.random.default_rng(10), 12)[0])]))
    assert found.value is not None
    assert (found.low, found.high, found.why) == (None, None, why)


def test_a_value_of_1_has_a_lower_end_alone(simulation) -> None:
    (seed,) = simulation.seeds(np.random.default_rng(10), 12)
    found = statistics.estimate(measured([seed.assign(logit=seed["label"].astype(float))]))
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(0.025 ** (1 / found.effective_slides))
    assert found.among(3).low < found.low


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_difference_from_a_value_at_either_end_has_an_interval_as_uneven_as_that_end(
    simulation, value: float
) -> None:
    """AUROC of exactly 0 or 1 has no log-odds: nothing is divided by it, and it may be as far off as its slides allow."""
    (seed,) = simulation.seeds(np.random.default_rng(10), 12)
    extreme = seed.assign(logit=(2 * value - 1) * seed["label"])
    end, other = measured([extreme, seed])
    alone = statistics.estimate([end])
    assert (alone.value, alone.high if value else alone.low) == (value, value)
    reach = 1 - 0.025 ** (1 / alone.effective_slides)
    assert abs((alone.low if value else alone.high) - value) == pytest.approx(reach)
    found = statistics.subtract_paired({0: end, 1: end}, {0: other, 1: other})
    arms = found.value - found.low, found.high - found.value
    assert (arms if value else arms[::-1])[0] >= reach * (1 - 1e-9)
    p = verdicts.difference_p(found)
    assert (p < 0.05) == found.decided


def test_one_class_gives_no_value_and_its_slides_do_not_count(simulation) -> None:
    one_class, both = simulation.seeds(np.random.default_rng(12), 10, seeds=2)
    one_class = one_class.assign(label=1, slide="elsewhere")
    assert statistics.estimate(measured([one_class])) == Estimate(
        None, why="no seed has samples of both classes", bounded=True
    )
    assert statistics.estimate([]).value is None
    found = statistics.estimate(measured([one_class, both]))
    assert (found.seeds, found.slides) == (1, 10)


def test_a_difference_by_slide_is_the_paired_one_on_the_same_cells(drawn) -> None:
    first, second = drawn(13, 12, 2)
    assert statistics.subtract_by_slide({0: first}, {0: second}) == statistics.subtract_paired({0: first}, {0: second})


def test_a_difference_by_slide_adds_variances_where_no_slide_is_shared(simulation) -> None:
    sides = []
    for place in range(2):
        (seed,) = simulation.seeds(np.random.default_rng(14 + place), 30)
        sides.append(measured([seed.assign(slide=f"{place} " + seed["slide"])])[0])
    by_slide = statistics.subtract_by_slide({0: sides[0]}, {0: sides[1]})
    alone = [statistics.estimate([side]) for side in sides]
    assert by_slide.value == pytest.approx(alone[0].value - alone[1].value)
    assert by_slide.standard_error == pytest.approx(np.hypot(*(side.standard_error for side in alone)), rel=0.02)
    assert by_slide.degrees <= 58
    few = statistics.subtract_by_slide(
        {0: sides[0]}, {0: measured([simulation.seeds(np.random.default_rng(1), 4)[0]])[0]}
    )
    assert (few.low, few.why) == (None, "under 6 slides")


def test_a_difference_by_slide_covers_where_either_side_tests_its_own_half_of_every_slide(simulation) -> None:
    """Two equal models, each scoring one half of the samples of the same slides: 0 is in 95 % of the intervals."""
    generator, covered = np.random.default_rng(15), []
    for _ in range(60):
        (seed,) = simulation.seeds(generator, 20, samples=20)
        half = generator.random(len(seed)) < 0.5
        sides = [measured([part])[0] for part in (seed[half], seed[~half])]
        found = statistics.subtract_by_slide({0: sides[0]}, {0: sides[1]})
        covered.append(found.low <= 0 <= found.high)
    assert 0.88 <= np.mean(covered) <= 1
