from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from mitofm.evaluation import metrics, replicates, statistics
from mitofm.evaluation.replicates import Replicates, pool_folds, replicate


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(2, 7), st.integers(2, 40))
def test_every_metric_without_a_slide_equals_deleting_it(seed: int, slides: int, samples: int) -> None:
    generator = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "sample_id": np.arange(samples),
            "slide": generator.integers(0, slides, samples).astype(str),
            "label": generator.integers(0, 2, samples),
            "logit": generator.integers(-4, 4, samples) / 2,
        }
    )
    found = replicates.replicate(table, 0.4)
    for place, slide in enumerate([None, *found.slides]):
        left = table[table["slide"] != slide]
        expected = metrics.measure(left["label"].to_numpy(), left["logit"].to_numpy(), 0.4)
        for name, value in expected.items():
            assert found.of(name)[place] == pytest.approx(float(value), nan_ok=True), (name, slide)


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(2, 30))
def test_a_weight_is_the_number_of_times_a_sample_is_there(seed: int, samples: int) -> None:
    generator = np.random.default_rng(seed)
    labels, logits = generator.integers(0, 2, samples), generator.integers(-4, 4, samples) / 2
    weights = generator.integers(0, 4, (3, samples))
    found = metrics.measure(labels, logits, 0.6, weights.astype(float))
    for row, weight in enumerate(weights):
        expected = metrics.measure(labels.repeat(weight), logits.repeat(weight), 0.6)
        for name, value in expected.items():
            assert found[name][row] == pytest.approx(float(value), nan_ok=True), name


def test_portions_change_nothing(simulation, monkeypatch: pytest.MonkeyPatch) -> None:
    (table,) = simulation.seeds(np.random.default_rng(0), 9)
    whole = replicates.replicate(table, 0.5)
    monkeypatch.setattr(replicates, "_AT_ONCE", 300)
    for name, values in replicates.replicate(table, 0.5).values.items():
        assert values == pytest.approx(whole.values[name], abs=1e-12)


def test_the_order_of_rows_is_not_part_of_the_samples_but_slides_and_labels_are(simulation) -> None:
    (table,) = simulation.seeds(np.random.default_rng(1), 8)
    found = replicates.replicate(table, 0.5)
    assert replicates.replicate(table.sample(frac=1, random_state=0), 0.5) == found
    for column, value in (("slide", "slide1"), ("label", 1 - table["label"][0]), ("sample_id", -1)):
        changed = table.copy()
        changed.loc[0, column] = value
        assert replicates.replicate(changed, 0.5).samples != found.samples, column


def test_they_survive_being_stored(simulation) -> None:
    (table,) = simulation.seeds(np.random.default_rng(2), 8)
    one_class = table.assign(label=1)
    for found in (replicates.replicate(table, 0.5), replicates.replicate(one_class, 0.5)):
        assert Replicates(**json.loads(json.dumps(asdict(found), allow_nan=False))) == found


def test_metrics_json_holds_the_very_same_numbers(simulation) -> None:
    (table,) = simulation.seeds(np.random.default_rng(3), 8)
    table = table.assign(domain="breast", evaluation_set="")
    stored, found = metrics.summarise(table, 0.3)["all"], replicates.replicate(table, 0.3)
    assert {name: stored[name] for name in found.values} == {name: all_[0] for name, all_ in found.values.items()}
    assert stored["auroc"] == metrics.auroc(table["label"].to_numpy(), expit(table["logit"]).to_numpy())


def test_folds_of_one_slide_have_their_share_in_an_interval() -> None:
    """Six folds, some of one slide: without it the others are left, as by hand."""
    rng = np.random.default_rng(0)
    folds = []
    for place, slides in enumerate((1, 1, 2, 1, 2, 1)):
        names = [f"{place}{letter}" for letter in "ab"[:slides]]
        slide = np.repeat(names, 30)
        label = np.tile([0, 1], slide.size // 2)
        frame = {
            "sample_id": np.arange(slide.size),
            "slide": slide,
            "label": label,
            "logit": label + rng.normal(size=slide.size),
        }
        folds.append(replicate(pd.DataFrame(frame), 0.0))
    pooled = pool_folds(folds)
    each = [fold.of("auroc") for fold in folds]
    assert pooled.slides == ["0a", "1a", "2a", "2b", "3a", "4a", "4b", "5a"]
    assert (pooled.negatives, pooled.positives) == ([15] * 8, [15] * 8)
    assert pooled.of("auroc")[0] == pytest.approx(np.mean([one[0] for one in each]))
    assert pooled.of("auroc")[1] == pytest.approx(
        np.mean([one[0] for one in each[1:]])
    )  # fold 0 is gone with its slide
    without_2a = [each[2][1] if place == 2 else one[0] for place, one in enumerate(each)]
    assert pooled.of("auroc")[3] == pytest.approx(np.mean(without_2a))
    assert statistics.estimate([pooled]).low is not None
    assert pool_folds(folds[:1]) is folds[0]
    assert pool_folds(folds[::-1]).samples == pooled.samples
