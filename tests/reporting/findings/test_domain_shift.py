from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from mitofm.evaluation import statistics
from mitofm.reporting.finding import Measured
from mitofm.reporting.findings.domain_shift import (
    count_labels,
    describe_column_gaps,
    measure_column_gaps,
    measure_gaps,
    tabulate_column_gaps,
)
from mitofm.reporting.measured.configurations import group_cells
from mitofm.reporting.measured.estimates import measure as measure_results
from mitofm.reporting.measured.kept import Kept
from mitofm.reporting.measured.results import Result, pick_domains
from mitofm.reporting.measured.stored import Stored
from mitofm.runs.collect import collect

if TYPE_CHECKING:
    from conftest import Study

Measure = Callable[["Study"], Measured]


def result(results: list[Result], trained: str, tested: str) -> Result:
    return next(r for r in results if (r.configuration.train_domain, r.set) == (trained, f"domain:{tested}"))


def test_a_gap_is_in_domain_minus_out_of_domain(study: Study, measure: Measure) -> None:
    study.grid(train_domain=["breast"], seed=[42, 43, 44])
    measured = measure(study)
    (gap,) = measure_gaps(measured.stored, measured.results)
    assert gap.difference.value == pytest.approx(gap.first.auroc.value - gap.second.auroc.value)
    assert gap.difference.slides == gap.first.auroc.slides + gap.second.auroc.slides
    assert gap.difference.low is not None


def test_a_slide_inside_at_one_seed_and_outside_at_another_counts_once_in_a_gap(study: Study, measure: Measure) -> None:
    study.add(train_domain="breast", seed=42, slides=8)
    folder = study.add(train_domain="breast", seed=43, slides=8)
    file = folder / "predictions.parquet"  # as of a domain that is trained on at one seed and test-only at another
    table = pd.read_parquet(file)
    table["evaluation_set"] = table["evaluation_set"].map({"in_domain": "out_of_domain", "out_of_domain": "in_domain"})
    table.to_parquet(file, index=False)
    measured = measure(study)
    (gap,) = measure_gaps(measured.stored, measured.results)
    predictions = measured.stored.predictions(measured.results[0].group, "all")
    tested = {slide for seed in (42, 43) for slide in predictions[str(seed)]["slide"]}
    assert gap.difference.slides == len(tested) < gap.first.auroc.slides + gap.second.auroc.slides
    alone = [gap.first.auroc, gap.second.auroc]
    assert gap.difference.value == pytest.approx(alone[0].value - alone[1].value)
    disjoint = math.hypot(*(side.standard_error for side in alone))
    assert gap.difference.standard_error != pytest.approx(disjoint, rel=0.01)


def test_a_column_gap_is_the_paired_difference_on_the_tested_domain(study: Study, measure: Measure) -> None:
    study.grid(split=["single_domain"], train_domain=["breast", "lung"], seed=[42, 43], slides=[8])
    measured = measure(study)
    stored, results = measured.stored, measured.domains
    found = measure_column_gaps(stored, results)
    trained = [(gap.configuration.train_domain, gap.second.configuration.train_domain) for gap in found]
    assert trained == [("breast", "lung"), ("lung", "breast")]
    own, other = result(results, "breast", "breast"), result(results, "lung", "breast")
    alone = statistics.subtract_paired(stored.seeds(own.group, own.set), stored.seeds(other.group, other.set))
    assert found[0].difference == alone.among(2)
    assert found[0].difference.value > 0
    assert count_labels(stored, found[0])[2]
    (said,) = describe_column_gaps(stored, found)
    assert said.endswith("of 2 pairs.")


def test_unequal_training_sets_are_no_fair_column_gap(study: Study) -> None:
    for domain, fraction in (("breast", 1.0), ("lung", 0.5)):
        study.add(train_domain=domain, fraction=fraction)
    collected = collect(study.runs, study.name)
    collected.cells["fraction"] = 1.0  # the same share of domains of unequal size
    stored = Stored(collected, Kept(study.runs / "cache"))
    found = measure_column_gaps(stored, pick_domains(measure_results(stored, group_cells(collected))))
    assert [count_labels(stored, gap)[2] for gap in found] == [False, False]
    assert describe_column_gaps(stored, found) == []
    shown = tabulate_column_gaps(stored, found).shown
    assert shown["samples bought"].tolist() == ["5,000 against 2,500: unequal", "2,500 against 5,000: unequal"]


def test_training_on_all_domains_has_no_column_gap(study: Study, measure: Measure) -> None:
    study.grid(train_domain=[None, "all but lung"])
    measured = measure(study)
    assert measure_column_gaps(measured.stored, measured.domains) == []
