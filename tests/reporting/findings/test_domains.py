from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score

from mitofm.reporting.finding import Measured
from mitofm.reporting.findings import domains

if TYPE_CHECKING:
    from conftest import Study

Measure = Callable[["Study"], Measured]


def test_the_worst_domain_is_the_lowest_with_an_interval(study: Study, measure: Measure) -> None:
    study.grid(train_domain=["breast"], adaptation=["lora", "full"], slides=[8])
    results = measure(study).domains
    found = domains.find_extremes(results)
    assert len(found) == 2
    for one in found:
        aurocs = [r.auroc.value for r in results if r.configuration == one.worst.configuration]
        assert one.worst.auroc.value == min(aurocs)
        assert one.best.auroc.value == max(aurocs)
    (said,) = domains.describe_worst(found)
    assert "of 2 configurations" in said
    assert domains.tabulate_extremes(found).full["worst_auroc"].tolist() == [one.worst.auroc.value for one in found]


def test_domains_of_few_slides_are_not_called_the_worst(study: Study, measure: Measure) -> None:
    study.grid(train_domain=["breast"], slides=[4])
    assert domains.find_extremes(measure(study).domains) == []
    assert domains.describe_worst([]) == []


def test_threshold_and_calibration_are_those_of_the_cells_on_each_domain(study: Study, measure: Measure) -> None:
    folder = study.add(slides=8)
    results = measure(study).domains
    table = domains.tabulate_thresholds(results).full.set_index("set")
    predictions = pd.read_parquet(folder / "predictions.parquet")
    lung = predictions[predictions["domain"] == "lung"]
    called = lung["logit"] >= np.log(0.4 / 0.6)
    assert table.loc["lung", "sensitivity_chosen"] == pytest.approx(called[lung["label"] == 1].mean())
    assert table.loc["lung", "specificity_chosen"] == pytest.approx(1 - called[lung["label"] == 0].mean())
    assert table.loc["lung", "best_balanced_accuracy"] >= table.loc["lung", "balanced_accuracy_chosen"]


def test_the_price_of_the_threshold_is_what_the_best_one_of_the_domain_would_win_back(
    study: Study, measure: Measure
) -> None:
    folder = study.add(slides=8)
    results = measure(study).domains
    table = domains.tabulate_thresholds(results)
    predictions = pd.read_parquet(folder / "predictions.parquet")
    prices = {}
    for domain, part in predictions.groupby("domain"):
        tried = [
            balanced_accuracy_score(part["label"], part["logit"] >= cut) for cut in [np.log(0.4 / 0.6), *part["logit"]]
        ]
        prices[domain] = max(tried) - tried[0]
    assert table.full.set_index("set")["threshold_price"].to_dict() == pytest.approx(prices)
    assert table.shown["price"].tolist() == [f"{prices[domain]:.3f}" for domain in table.full["set"]]
    said = domains.describe_price(results)
    worst = max(prices, key=prices.__getitem__)
    assert f"gives {min(prices.values()):.3f} to {max(prices.values()):.3f} less balanced accuracy" in said
    assert f"most on {worst} (" in said
    assert "no result" in said
    assert "no result" in table.note


def test_a_domain_of_one_class_has_no_price(study: Study, measure: Measure) -> None:
    folder = study.add()
    file = folder / "predictions.parquet"
    table = pd.read_parquet(file)
    table.assign(label=(table["domain"] == "lung").astype(int)).to_parquet(file, index=False)
    results = measure(study).domains
    assert [domains.find_price(one) for one in results] == [None] * 4
    assert domains.describe_price(results) == ""
    assert domains.tabulate_thresholds(results).shown["price"].tolist() == ["–"] * 4
