from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logit
from scipy.stats import t as student

from mitofm.evaluation import statistics
from mitofm.evaluation.predictive_value import estimate_ppvs, find_ppv
from mitofm.evaluation.replicates import replicate

SHARE = st.floats(0.01, 0.99)


def draw(seed: int, slides: int = 12, samples: int = 20) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, slides * samples)
    frame = {"sample_id": np.arange(label.size), "slide": np.repeat(np.arange(slides), samples), "label": label}
    return pd.DataFrame(frame | {"logit": 2.0 * label - 1 + rng.normal(size=label.size)})


@given(SHARE, SHARE, SHARE)
def test_it_is_the_share_of_right_calls_among_many_samples(
    sensitivity: float, specificity: float, prevalence: float
) -> None:
    found = find_ppv(sensitivity, specificity, prevalence)
    right, wrong = 1e6 * prevalence * sensitivity, 1e6 * (1 - prevalence) * (1 - specificity)
    assert found == pytest.approx(right / (right + wrong))
    ratio = np.log(sensitivity / (1 - specificity))
    assert logit(found) == pytest.approx(logit(prevalence) + ratio, abs=1e-9)


def test_at_the_prevalence_of_the_test_set_it_is_the_precision_there() -> None:
    table = draw(0)
    called = table["logit"] >= 0.3
    seed = replicate(table, 0.3)
    found = find_ppv(seed.of("sensitivity_chosen")[0], seed.of("specificity_chosen")[0], table["label"].mean())
    assert found == pytest.approx(table["label"][called].mean())


def test_the_value_and_the_interval_are_those_of_the_jackknife_written_out() -> None:
    table, prevalence = draw(1), 0.1
    found = estimate_ppvs([replicate(table, 0.0)], [prevalence])[prevalence]

    def ppv(part: pd.DataFrame) -> float:
        called = part["logit"] >= 0
        hits = (called & (part["label"] == 1)).sum() / (part["label"] == 1).sum() * prevalence
        alarms = (called & (part["label"] == 0)).sum() / (part["label"] == 0).sum() * (1 - prevalence)
        return hits / (hits + alarms)

    without = np.array([ppv(table[table["slide"] != slide]) for slide in range(12)])
    error = np.sqrt(11 / 12 * ((without - without.mean()) ** 2).sum())
    assert (found.value, found.standard_error) == (pytest.approx(ppv(table)), pytest.approx(error))
    half = student.ppf(0.975, found.degrees) * error / (found.value * (1 - found.value))
    assert [logit(end) for end in (found.low, found.high)] == pytest.approx(
        [logit(found.value) - half, logit(found.value) + half]
    )


def test_it_rises_with_prevalence_and_its_interval_stays_within_0_and_1() -> None:
    seeds = [replicate(draw(seed), 0.0) for seed in (1, 2, 3)]
    found = list(estimate_ppvs(seeds, [0.01, 0.05, 0.3, 0.9]).values())
    for one in found:
        assert 0 < one.low < one.value < one.high < 1
        assert one.seeds == 3
    assert all(first.value < second.value for first, second in pairwise(found))


def test_without_a_false_alarm_its_lower_end_is_that_of_what_specificity_allows() -> None:
    table = draw(3)
    seed = replicate(table, float(table["logit"][table["label"] == 0].max()) + 0.1)
    sensitivity, specificity = (
        statistics.estimate([seed], f"{name}_chosen") for name in ("sensitivity", "specificity")
    )
    rare, common = estimate_ppvs([seed], [0.05, 0.5]).values()
    assert (rare.value, rare.high, common.value, common.high) == (1, 1, 1, 1)
    assert rare.low == find_ppv(sensitivity.low, specificity.low, 0.05)
    assert rare.low < 0.2 < common.low


def test_without_a_hit_its_upper_end_is_that_of_what_sensitivity_allows() -> None:
    table = draw(4)
    table.loc[table["label"] == 1, "logit"] = -9.0
    found = estimate_ppvs([replicate(table, 0.0)], [0.1])[0.1]
    assert (found.value, found.low) == (0, 0)
    assert 0 < found.high < 1


def test_it_says_why_there_is_none() -> None:
    table = draw(5)
    silent = estimate_ppvs([replicate(table, 99.0)], [0.1])[0.1]
    assert (silent.value, silent.why) == (None, "nothing is called positive")
    (one_call,) = [table.assign(logit=np.where(table.index == table.index[table["label"] == 1][0], 1.0, -1.0))]
    lonely = estimate_ppvs([replicate(one_call, 0.0)], [0.1])[0.1]
    assert (lonely.value, lonely.low, lonely.why) == (1, None, "without one slide nothing is called positive")
    few = estimate_ppvs([replicate(draw(6, slides=4), 0.0)], [0.1])[0.1]
    assert (few.low, few.why) == (None, "under 6 slides")
    one_class = estimate_ppvs([replicate(table.assign(label=1), 0.0)], [0.1])[0.1]
    assert (one_class.value, one_class.why) == (None, "no seed has samples of both classes")
