from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from mitofm.errors import MitofmError
from mitofm.evaluation import statistics

SLIDE_SPREAD, EFFECT = 0.6, 1.6
# Two cells of different slides, unit noise, slide effects on both: the population AUROC of `simulated`.
TRUTH = float(norm.cdf(EFFECT / np.sqrt(2 * (1 + SLIDE_SPREAD**2))))


def simulated(
    generator: np.random.Generator, slides: int, seeds: int = 1, cells: int = 20, effect: float = EFFECT
) -> list[pd.DataFrame]:
    """Predictions of several seeds on the same cells; cells of a slide share an offset, as stains make them do."""
    sizes = np.maximum(4, generator.lognormal(np.log(cells), 0.6, slides).astype(int))
    slide = np.repeat(np.arange(slides), sizes)
    labels = (generator.random(slide.size) < generator.beta(2, 2, slides)[slide]).astype(int)
    shared = effect * labels + generator.normal(0, SLIDE_SPREAD, slides)[slide] + generator.normal(0, 0.8, slide.size)
    names = np.char.add("slide", slide.astype(str))
    return [
        pd.DataFrame(
            {
                "sample_id": np.arange(slide.size),
                "slide": names,
                "label": labels,
                "score": shared + generator.normal(0, 0.6, slide.size),
            }
        )
        for _ in range(seeds)
    ]


def cells_as_slides(seeds: list[pd.DataFrame]) -> list[pd.DataFrame]:
    """The mistake to avoid: every cell its own unit."""
    return [seed.assign(slide=seed["sample_id"]) for seed in seeds]


@settings(max_examples=50)
@given(st.integers(0, 2**32 - 1), st.integers(2, 7), st.integers(2, 40))
def test_auroc_without_each_slide_equals_deleting_it(seed: int, n_slides: int, cells: int) -> None:
    generator = np.random.default_rng(seed)
    labels, slides = generator.integers(0, 2, cells), generator.integers(0, n_slides, cells)
    scores = generator.integers(0, 8, cells) / 8
    found = statistics.auroc_without_each(labels, scores, slides, n_slides)
    for value, kept in zip(found, [np.ones(cells, bool), *(slides != slide for slide in range(n_slides))], strict=True):
        if 0 < labels[kept].sum() < kept.sum():
            assert value == pytest.approx(roc_auc_score(labels[kept], scores[kept]))
        else:
            assert np.isnan(value)


def test_the_auroc_of_decisions_is_the_balanced_accuracy() -> None:
    predictions = simulated(np.random.default_rng(0), 10)[0].rename(columns={"score": "logit"})
    found = statistics.estimate([statistics.decisions(predictions, 0.7)])
    assert found.value == pytest.approx(
        balanced_accuracy_score(predictions["label"], predictions["logit"] >= np.log(0.7 / 0.3))
    )


def test_the_estimate_is_the_mean_of_the_seeds_and_their_spread_is_separate() -> None:
    seeds = simulated(np.random.default_rng(1), 12, seeds=3)
    each = [roc_auc_score(seed["label"], seed["score"]) for seed in seeds]
    found = statistics.estimate(seeds)
    assert found.value == pytest.approx(np.mean(each))
    assert found.seed_sd == pytest.approx(np.std(each, ddof=1))
    assert (found.seeds, found.slides, found.degrees) == (3, 12, 11)


def test_repeating_a_seed_adds_no_information() -> None:
    once = simulated(np.random.default_rng(2), 12)
    one, ten = statistics.estimate(once), statistics.estimate(once * 10)
    assert (ten.low, ten.high) == (pytest.approx(one.low), pytest.approx(one.high))
    assert ten.seed_sd == pytest.approx(0, abs=1e-12)


def test_seeds_with_different_test_slides_share_the_union() -> None:
    seeds = simulated(np.random.default_rng(3), 20, seeds=2)
    halves = [seed[seed["slide"].isin(names)] for seed, names in zip(seeds, halves_of(seeds[0]), strict=True)]
    assert statistics.estimate(halves).slides == 20


def halves_of(predictions: pd.DataFrame) -> list[np.ndarray]:
    return np.array_split(predictions["slide"].unique(), 2)


@pytest.mark.parametrize("slides", [8, 20])
def test_coverage_is_near_nominal_and_ignoring_slides_is_worse(slides: int) -> None:
    generator = np.random.default_rng(4)
    clustered, naive = [], []
    for _ in range(250):
        seeds = simulated(generator, slides, seeds=2)
        for covered, given_seeds in ((clustered, seeds), (naive, cells_as_slides(seeds))):
            found = statistics.estimate(given_seeds)
            assert found.low is not None
            assert found.high is not None
            covered.append(found.low <= TRUTH <= found.high)
    assert 0.90 <= np.mean(clustered) <= 0.985
    assert np.mean(naive) < 0.80


def test_a_paired_difference_covers_and_is_narrower_than_an_unpaired_one() -> None:
    generator = np.random.default_rng(5)
    covered, narrower = [], []
    for _ in range(150):
        first, second = simulated(generator, 15, seeds=2)
        found = statistics.paired_difference({0: first}, {0: second})
        apart = statistics.independent_difference(statistics.estimate([first]), statistics.estimate([second]))
        assert found.decided is not None
        covered.append(not found.decided)
        assert found.standard_error is not None
        assert apart.standard_error is not None
        narrower.append(found.standard_error < apart.standard_error)
    assert 0.89 <= np.mean(covered) <= 0.99
    assert np.mean(narrower) > 0.95


def test_a_paired_difference_changes_its_sign_with_its_order_and_needs_no_row_order() -> None:
    first, second = simulated(np.random.default_rng(6), 15, seeds=2)
    ahead = statistics.paired_difference({0: first}, {0: second})
    behind = statistics.paired_difference({0: second}, {0: first.sample(frac=1, random_state=0)})
    assert ahead.value == pytest.approx(-behind.value)
    assert ahead.low == pytest.approx(-behind.high)


def test_only_common_seeds_are_compared() -> None:
    seeds = simulated(np.random.default_rng(7), 10, seeds=3)
    found = statistics.paired_difference({42: seeds[0], 43: seeds[1]}, {43: seeds[2], 44: seeds[0]})
    assert found.seeds == 1
    assert statistics.paired_difference({42: seeds[0]}, {43: seeds[1]}).value is None


def test_different_samples_are_refused() -> None:
    first, second = simulated(np.random.default_rng(8), 10, seeds=2)
    with pytest.raises(MitofmError, match=r"seed 42.*same samples"):
        statistics.paired_difference({42: first}, {42: second.iloc[1:]})


def test_independent_differences_add_variances_with_the_degrees_of_welch() -> None:
    generator = np.random.default_rng(9)
    small, large = (statistics.estimate(simulated(generator, slides)) for slides in (7, 60))
    found = statistics.independent_difference(small, large)
    assert small.standard_error is not None
    assert large.standard_error is not None
    assert found.standard_error == pytest.approx(np.hypot(small.standard_error, large.standard_error))
    assert 6 <= found.degrees <= 65
    assert found.slides == 67


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda seed: seed[seed["slide"].isin([f"slide{index}" for index in range(5)])], "under 6 slides"),
        (lambda seed: seed.assign(label=(seed["slide"] == "slide0").astype(int)), "one slide holds a whole class"),
        (lambda seed: seed.assign(score=seed["label"].astype(float)), "the value is exactly 1"),
    ],
)
def test_no_interval_where_none_is_honest(change, why: str) -> None:
    found = statistics.estimate([change(simulated(np.random.default_rng(10), 12)[0])])
    assert found.value is not None
    assert (found.low, found.high, found.why) == (None, None, why)
    other = statistics.estimate(simulated(np.random.default_rng(11), 12))
    gap = statistics.independent_difference(found, other)
    assert (gap.low, gap.why, gap.decided) == (None, why, None)


def test_one_class_gives_no_value_and_its_slides_do_not_count() -> None:
    one_class, both = (seed for seed in simulated(np.random.default_rng(12), 10, seeds=2))
    one_class = one_class.assign(label=1, slide="elsewhere")
    assert statistics.estimate([one_class]).value is None
    assert statistics.estimate([]).value is None
    found = statistics.estimate([one_class, both])
    assert (found.seeds, found.slides) == (1, 10)


def test_two_hundred_slides_of_a_hundred_cells_in_five_seeds_are_fast() -> None:
    seeds = simulated(np.random.default_rng(13), 200, seeds=5, cells=85)
    assert len(seeds[0]) > 18_000
    started = time.perf_counter()
    statistics.estimate(seeds)
    assert time.perf_counter() - started < 2
