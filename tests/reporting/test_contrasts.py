from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

from mitofm.evaluation import statistics
from mitofm.evaluation.replicates import replicates
from mitofm.evaluation.threshold import of_stored
from mitofm.reporting import contrasts
from mitofm.reporting.configurations import groups
from mitofm.reporting.estimates import METRICS, Result, Stored, adaptation_order, measure, primary
from mitofm.reporting.kept import Kept
from mitofm.runs.collect import Collected, collect

if TYPE_CHECKING:
    from conftest import Study


def measured(study: Study) -> tuple[Collected, Stored, list[Result]]:
    collected = collect(study.runs, study.name)
    stored = Stored(collected, Kept(study.runs / "cache"))
    return collected, stored, measure(stored, groups(collected))


def test_results_equal_the_statistics_of_the_stored_predictions(study: Study) -> None:
    folders = [study.add(seed=seed) for seed in (42, 43)]
    _, _, results = measured(study)
    (everything,) = primary(results)
    tables = [pd.read_parquet(folder / "predictions.parquet") for folder in folders]
    seeds = [replicates(table, of_stored({"value": 0.4})) for table in tables]
    assert everything.metrics == {name: statistics.estimate(seeds, name) for name in METRICS}


def test_kept_results_are_those_of_the_predictions_and_spare_reading_them(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = study.add(train_domain="lung")
    first = measured(study)[2]
    with monkeypatch.context() as patch:
        patch.setattr(Collected, "predictions", lambda self, cell: pytest.fail("read again"))
        assert measured(study)[2] == first
    table = pd.read_parquet(folder / "predictions.parquet")
    table.assign(logit=-table["logit"]).to_parquet(folder / "predictions.parquet")
    changed = measured(study)[2]
    assert changed[0].auroc.value == pytest.approx(1 - first[0].auroc.value)


def test_a_damaged_entry_is_computed_again(study: Study) -> None:
    study.add()
    first = measured(study)[2]
    (entry,) = (study.runs / "cache").glob("*.json")
    entry.write_text("{")
    assert measured(study)[2] == first


def test_named_evaluation_sets_take_the_place_of_all(study: Study) -> None:
    study.add(train_domain="lung")
    study.add(train_domain="")
    _, _, results = measured(study)
    found = {(result.configuration.train_domain, result.set) for result in primary(results)}
    assert found == {("lung", "in_domain"), ("lung", "out_of_domain"), ("", "all")}


def test_the_adaptation_that_trains_more_comes_first_in_a_difference(study: Study) -> None:
    study.grid(adaptation=["full", "linear_probe", "lora"], seed=[42, 43])
    collected, stored, results = measured(study)
    order = adaptation_order(collected, groups(collected))
    assert order == ["linear_probe", "lora", "full"]
    found = contrasts.between_adaptations(stored, primary(results), order)
    assert [(one.first, one.second) for one in found] == [
        ("lora", "linear_probe"),
        ("full", "linear_probe"),
        ("full", "lora"),
    ]
    by_name = {result.configuration.adaptation: result.auroc.value for result in primary(results)}
    assert found[0].difference.value == pytest.approx(by_name["lora"] - by_name["linear_probe"])
    assert (found[0].difference.seeds, found[0].difference.verdict) == (2, "higher")


def test_fractions_are_compared_with_the_largest(study: Study) -> None:
    study.grid(fraction=[0.01, 0.1, 1.0])
    _, stored, results = measured(study)
    found = contrasts.between_fractions(stored, primary(results))
    assert [(one.first, one.second) for one in found] == [("100 %", "10 %"), ("100 %", "1 %")]


def test_models_are_compared_with_the_highest(study: Study) -> None:
    study.grid(backbone=["resnet50", "uni", "virchow2"])
    _, stored, results = measured(study)
    found = contrasts.between_models(stored, primary(results))
    assert len({one.first for one in found}) == 1
    assert all(one.difference.value >= 0 for one in found)


def test_different_test_samples_give_no_difference_and_say_why(study: Study) -> None:
    study.add(adaptation="lora", slides=4)
    study.add(adaptation="full", slides=5)
    collected, stored, results = measured(study)
    order = adaptation_order(collected, groups(collected))
    (found,) = contrasts.between_adaptations(stored, primary(results), order)
    assert (found.difference.value, found.difference.why) == (None, "not tested on the same samples")
    assert found.difference.verdict == "no interval"


def test_a_gap_is_in_domain_minus_out_of_domain(study: Study) -> None:
    study.grid(train_domain=["breast"], seed=[42, 43, 44])
    _, stored, results = measured(study)
    (gap,) = contrasts.gaps(stored, results)
    assert gap.difference.value == pytest.approx(gap.inside.value - gap.outside.value)
    assert gap.difference.slides == gap.inside.slides + gap.outside.slides
    assert gap.difference.low is not None


def test_a_slide_inside_at_one_seed_and_outside_at_another_counts_once_in_a_gap(study: Study) -> None:
    study.add(train_domain="breast", seed=42, slides=8)
    folder = study.add(train_domain="breast", seed=43, slides=8)
    file = folder / "predictions.parquet"  # as of a domain that is trained on at one seed and test-only at another
    table = pd.read_parquet(file)
    table["evaluation_set"] = table["evaluation_set"].map({"in_domain": "out_of_domain", "out_of_domain": "in_domain"})
    table.to_parquet(file, index=False)
    _, stored, results = measured(study)
    (gap,) = contrasts.gaps(stored, results)
    tested = {slide for seed in (42, 43) for slide in stored.predictions(results[0].group, "all")[str(seed)]["slide"]}
    assert gap.difference.slides == len(tested) < gap.inside.slides + gap.outside.slides
    disjoint = statistics.independent_difference(gap.inside, gap.outside)
    assert gap.difference.value == pytest.approx(disjoint.value)
    assert gap.difference.standard_error != pytest.approx(disjoint.standard_error, rel=0.01)
