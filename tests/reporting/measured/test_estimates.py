from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from mitofm.evaluation import statistics
from mitofm.evaluation.replicates import replicate
from mitofm.evaluation.threshold import read_logit
from mitofm.reporting.finding import Measured
from mitofm.reporting.measured.results import METRICS, pick_primary
from mitofm.runs import contributions

if TYPE_CHECKING:
    from conftest import Study

Measure = Callable[["Study"], Measured]


def test_results_equal_the_statistics_of_the_stored_predictions(study: Study, measure: Measure) -> None:
    folders = [study.add(seed=seed) for seed in (42, 43)]
    results = measure(study).results
    (everything,) = pick_primary(results)
    tables = [pd.read_parquet(folder / "predictions.parquet") for folder in folders]
    seeds = [replicate(table, read_logit({"value": 0.4})) for table in tables]
    expected = {name: statistics.estimate(seeds, name) for name in METRICS}
    biased = everything.metrics["calibration_error"]
    assert (biased.value, biased.low, biased.high) == (expected["calibration_error"].value, None, None)
    noise = everything.metrics["calibration_noise"]
    assert (noise.value, noise.low, noise.high) == (expected["calibration_noise"].value, None, None)
    assert everything.metrics == expected | {"calibration_error": biased, "calibration_noise": noise}


def test_probabilities_are_measured_with_the_prior_of_training_undone(study: Study, measure: Measure) -> None:
    folder = study.add()
    file = folder / "metrics.json"
    stored = json.loads(file.read_text())
    stored["prior"] = {"logit": -1.5, "rule": "classes weighed the same: prevalence of training"}
    file.write_text(json.dumps(stored))
    (found,) = pick_primary(measure(study).results)
    table = pd.read_parquet(folder / "predictions.parquet")
    shifted = replicate(table.assign(logit=table["logit"] - 1.5), 0.0)
    plain = replicate(table, read_logit({"value": 0.4}))
    for name in ("brier", "calibration_intercept", "calibration_slope", "calibration_error"):
        assert found.metrics[name].value == pytest.approx(shifted.of(name)[0])
        assert found.metrics[name].value != pytest.approx(plain.of(name)[0]) or name == "calibration_slope"
    assert found.metrics["balanced_accuracy_chosen"].value == plain.of("balanced_accuracy_chosen")[0]


def test_kept_results_are_those_of_the_predictions_and_spare_reading_them(
    study: Study, measure: Measure, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = study.add(train_domain="lung")
    first = measure(study).results
    with monkeypatch.context() as patch:
        patch.setattr(contributions, "measure_cell", lambda folder: pytest.fail("read again"))
        assert measure(study).results == first
    table = pd.read_parquet(folder / "predictions.parquet")
    table.assign(logit=-table["logit"]).to_parquet(folder / "predictions.parquet")
    changed = measure(study).results
    assert changed[0].auroc.value == pytest.approx(1 - first[0].auroc.value)


def test_a_damaged_entry_is_computed_again(study: Study, measure: Measure) -> None:
    study.add()
    first = measure(study).results
    (entry,) = (study.runs / "statistics").glob("*.measured")
    content = bytearray(entry.read_bytes())
    content[-1] ^= 1  # of the last number
    entry.write_bytes(content)
    assert measure(study).results == first


def test_named_evaluation_sets_take_the_place_of_all(study: Study, measure: Measure) -> None:
    study.add(train_domain="lung")
    study.add(train_domain="")
    results = measure(study).results
    found = {(result.configuration.train_domain, result.set) for result in pick_primary(results)}
    assert found == {("lung", "in_domain"), ("lung", "out_of_domain"), ("", "all")}


def test_folds_of_a_seed_are_one_and_a_fold_that_one_side_lacks_is_left_out_of_a_pair(
    study: Study, measure: Measure
) -> None:
    folds = [f"fold {number}" for number in range(3)]
    study.grid(adaptation=["lora", "full"], seed=[42, 43], train_domain=folds, domains=[("breast",)], slides=[3])
    measured = measure(study)
    lora = next(one for one in measured.primary if one.configuration.adaptation == "lora")
    assert (lora.auroc.seeds, lora.group.planned) == (2, 6)
    each = [measured.stored.match(lora, lora)[0][seed].of("auroc")[0] for seed in ("42", "43")]
    assert lora.auroc.value == pytest.approx(np.mean(each))
    cut = replace(lora, group=replace(lora.group, done={k: v for k, v in lora.group.done.items() if k != "42 fold 1"}))
    full = next(one for one in measured.primary if one.configuration.adaptation == "full")
    assert measured.stored.compare(full, lora).difference.seeds == 2
    pair = measured.stored.compare(full, cut)
    assert pair.difference.value is not None
    assert pair.difference.seeds == 2
