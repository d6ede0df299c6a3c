from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from mitofm.evaluation import statistics
from mitofm.reporting import shift, shift_tables, words
from mitofm.reporting.configurations import groups
from mitofm.reporting.counts import Counts
from mitofm.reporting.estimates import Result, Stored, by_domain, measure
from mitofm.reporting.kept import Kept
from mitofm.runs.collect import collect

if TYPE_CHECKING:
    from conftest import Study


def measured(study: Study) -> tuple[Stored, list[Result], Counts]:
    collected = collect(study.runs, study.name)
    stored = Stored(collected, Kept(study.runs / "cache"))
    return stored, by_domain(measure(stored, groups(collected))), Counts(collected)


def result(results: list[Result], trained: str, tested: str) -> Result:
    return next(r for r in results if (r.configuration.train_domain, r.set) == (trained, f"domain:{tested}"))


def test_a_column_gap_is_the_paired_difference_on_the_tested_domain(study: Study) -> None:
    study.grid(split=["single_domain"], train_domain=["breast", "lung"], seed=[42, 43], slides=[8])
    stored, results, counts = measured(study)
    found = shift.column_gaps(stored, results, counts)
    assert [(gap.configuration.train_domain, gap.elsewhere) for gap in found] == [
        ("breast", "lung"),
        ("lung", "breast"),
    ]
    own, other = result(results, "breast", "breast"), result(results, "lung", "breast")
    assert found[0].difference == statistics.paired_difference(
        stored.seeds(own.group, own.set), stored.seeds(other.group, other.set)
    )
    assert found[0].difference.value > 0
    assert found[0].fair
    (said,) = words.foreign_training(found)
    assert said.endswith("of 2 pairs.")


def test_unequal_training_sets_are_no_fair_column_gap(study: Study) -> None:
    for domain, fraction in (("breast", 1.0), ("lung", 0.5)):
        study.add(train_domain=domain, fraction=fraction)
    collected = collect(study.runs, study.name)
    collected.cells["fraction"] = 1.0  # the same share of domains of unequal size
    stored = Stored(collected, Kept(study.runs / "cache"))
    results = by_domain(measure(stored, groups(collected)))
    found = shift.column_gaps(stored, results, Counts(collected))
    assert [gap.fair for gap in found] == [False, False]
    assert words.foreign_training(found) == []
    shown = shift_tables.column_gaps_table(found).shown
    assert shown["cells bought"].tolist() == ["5,000 against 2,500: unequal", "2,500 against 5,000: unequal"]


def test_training_on_all_domains_has_no_column_gap(study: Study) -> None:
    study.grid(train_domain=[None, "all but lung"])
    assert shift.column_gaps(*measured(study)) == []


def test_the_worst_domain_is_the_lowest_with_an_interval(study: Study) -> None:
    study.grid(train_domain=["breast"], adaptation=["lora", "full"], slides=[8])
    _, results, _ = measured(study)
    found = shift.extremes(results)
    assert len(found) == 2
    for one in found:
        aurocs = [r.auroc.value for r in results if r.configuration == one.worst.configuration]
        assert one.worst.auroc.value == min(aurocs)
        assert one.best.auroc.value == max(aurocs)
    (said,) = words.worst_domains(found)
    assert "of 2 configurations" in said
    assert shift_tables.extremes_table(found).full["worst_auroc"].tolist() == [one.worst.auroc.value for one in found]


def test_domains_of_few_slides_are_not_called_the_worst(study: Study) -> None:
    study.grid(train_domain=["breast"], slides=[4])
    assert shift.extremes(measured(study)[1]) == []
    assert words.worst_domains([]) == []


def test_rankings_compare_a_domain_with_the_mean_of_the_others(study: Study) -> None:
    study.grid(adaptation=["linear_probe", "lora", "full"], domains=[("breast", "lung")])
    _, results, _ = measured(study)
    values = {(r.set, r.configuration.adaptation): r.auroc.value for r in results}
    found = shift.rankings(results)
    assert [one.domain for one in found] == ["breast", "lung"]
    for one, other in zip(found, reversed(found), strict=True):
        best = max(("linear_probe", "lora", "full"), key=lambda name: values[f"domain:{one.domain}", name])
        assert one.best == other.best_elsewhere == f"uni, {best}"
        assert one.tau == other.tau
    assert -1 <= found[0].tau <= 1
    assert len(shift_tables.rankings_table(found).full) == 2


def test_threshold_and_calibration_are_those_of_the_cells_on_each_domain(study: Study) -> None:
    folder = study.add(slides=8)
    _, results, _ = measured(study)
    table = shift_tables.transfer_table(results).full.set_index("set")
    predictions = pd.read_parquet(folder / "predictions.parquet")
    lung = predictions[predictions["domain"] == "lung"]
    called = lung["logit"] >= np.log(0.4 / 0.6)
    assert table.loc["lung", "sensitivity_chosen"] == pytest.approx(called[lung["label"] == 1].mean())
    assert table.loc["lung", "specificity_chosen"] == pytest.approx(1 - called[lung["label"] == 0].mean())
    assert table.loc["lung", "best_balanced_accuracy"] >= table.loc["lung", "balanced_accuracy_chosen"]


def test_domains_scanned_on_one_scanner_each_are_confounded_with_them() -> None:
    frame = pd.DataFrame(
        {
            "domain": ["breast", "breast", "lung", "melanoma"],
            "scanner": ["A", "B", "A", "C"],
            "species": ["human"] * 4,
        }
    )
    (said,) = shift.confounded(frame)
    assert said.startswith("2 of 3 domains come from one scanner only (lung: A; melanoma: C)")
    (unknown,) = shift.confounded(frame[["domain"]])
    assert unknown.startswith("No scanner or species is known")
    assert shift.confounded(frame[frame["domain"] == "breast"]) == []
    assert (
        shift.confounded(frame.assign(scanner=["A", "B", "A", "B"]).iloc[[0, 1, 2, 2]].assign(scanner=list("ABAB")))
        == []
    )


def test_the_report_says_what_is_confounded_where_domains_are_compared(study: Study, report) -> None:
    study.grid(split=["single_domain"], train_domain=["breast", "lung"], slides=[8])
    out = report(study)
    page = (out / "report.html").read_text()
    assert "4 of 4 domains come from one scanner only" in page
    assert "Trained on the tested domain instead of another one" in page
    tables = {path.stem for path in (out / "tables" / "midog").glob("*.csv")}
    assert {"column_gaps", "worst_domains", "transfer"} <= tables
