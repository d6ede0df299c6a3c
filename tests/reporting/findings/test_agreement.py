"""Test samples that experts agree on, beside those that divide them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from mitofm.evaluation import metrics
from mitofm.reporting.finding import Found, Measured
from mitofm.reporting.findings import agreement

if TYPE_CHECKING:
    from conftest import Study


def voted(cell: Path) -> None:
    """The cell's split, as if of a set with votes: every third test sample is divided, every tenth has one vote."""
    split = pd.read_parquet(cell / "split.parquet")
    place = np.arange(len(split))
    split["agreement"] = np.select([place % 10 == 0, place % 3 == 0], ["", "divided"], "unanimous")
    split.to_parquet(cell / "split.parquet", index=False)


def test_each_kind_is_measured_on_its_own_samples(study: Study, measure: Callable[[Study], Measured]) -> None:
    study.grid(seed=[1, 2], slides=[8])
    for cell in study.cells:
        voted(study.runs / "cells" / cell)
    measured = measure(study)
    stored = measured.stored
    found = [one for result in measured.primary for one in agreement.split_samples(stored, result)]
    assert [one.kind for one in found] == ["unanimous", "divided"]
    for one in found:
        aurocs, counts = [], []
        for cell in one.group.done.values():
            joined = stored.collected.predictions(cell).merge(stored.collected.split(cell)[["sample_id", "agreement"]])
            part = joined[joined["agreement"] == one.kind]
            aurocs.append(metrics.auroc(part["label"].to_numpy(), part["logit"].to_numpy()))
            counts.append(len(part))
        assert one.metrics["auroc"].value == pytest.approx(np.mean(aurocs))
        assert one.metrics["auroc"].low < np.mean(aurocs) < one.metrics["auroc"].high
        assert one.samples == counts
    shown = agreement.tabulate(found)
    assert shown.full["experts"].tolist() == ["unanimous", "divided"]
    assert shown.full["samples_min"].tolist() == [min(one.samples) for one in found]
    assert (shown.shown.filter(like="95 %").shape, shown.constant["adaptation"]) == ((2, 3), "lora")


def test_it_is_shown_of_sets_with_votes_and_of_no_other(study: Study, measure: Callable[[Study], Measured]) -> None:
    voted(study.add(dataset="voted"))
    study.add(dataset="plain")
    measured = measure(study)
    (section,) = agreement.find(measured).sections
    assert set(section.table.full["dataset"]) == {"voted"}
    plain = [one for one in measured.results if one.configuration.dataset == "plain"]
    assert agreement.find(replace(measured, results=plain)) == Found()
