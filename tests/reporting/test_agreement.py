"""Test samples that experts agree on, beside those that divide them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from mitofm.evaluation import metrics
from mitofm.reporting.agreement import agreement_table, by_agreement
from mitofm.reporting.chapter import _agreed
from mitofm.reporting.configurations import groups
from mitofm.reporting.estimates import Stored, measure, primary
from mitofm.reporting.kept import Kept
from mitofm.runs.collect import collect

if TYPE_CHECKING:
    from conftest import Study


def voted(cell: Path) -> None:
    """The cell's split, as if of a set with votes: every third test sample is divided, every tenth has one vote."""
    split = pd.read_parquet(cell / "split.parquet")
    place = np.arange(len(split))
    split["agreement"] = np.select([place % 10 == 0, place % 3 == 0], ["", "divided"], "unanimous")
    split.to_parquet(cell / "split.parquet", index=False)


def measured(study: Study, cache: Path) -> tuple[Stored, list]:
    collected = collect(study.runs, study.name)
    stored = Stored(collected, Kept(cache))
    return stored, primary(measure(stored, groups(collected)))


def test_each_kind_is_measured_on_its_own_samples(study: Study, tmp_path: Path) -> None:
    study.grid(seed=[1, 2], slides=[8])
    for cell in study.cells:
        voted(study.runs / "cells" / cell)
    stored, results = measured(study, tmp_path)
    found = by_agreement(stored, results)
    assert [one.kind for one in found] == ["unanimous", "divided"]
    for one in found:
        aurocs, counts = [], []
        for cell in one.result.group.done.values():
            joined = stored.collected.predictions(cell).merge(stored.collected.split(cell)[["sample_id", "agreement"]])
            part = joined[joined["agreement"] == one.kind]
            aurocs.append(metrics.auroc(part["label"].to_numpy(), part["logit"].to_numpy()))
            counts.append(len(part))
        assert one.metrics["auroc"].value == pytest.approx(np.mean(aurocs))
        assert one.metrics["auroc"].low < np.mean(aurocs) < one.metrics["auroc"].high
        assert one.samples == counts
    shown = agreement_table(found)
    assert shown.full["experts"].tolist() == ["unanimous", "divided"]
    assert shown.full["samples_min"].tolist() == [min(one.samples) for one in found]
    assert (shown.shown.filter(like="95 %").shape, shown.constant["adaptation"]) == ((2, 3), "lora")


def test_it_is_shown_of_sets_with_votes_and_of_no_other(study: Study, tmp_path: Path) -> None:
    voted(study.add(dataset="voted"))
    study.add(dataset="plain")
    stored, results = measured(study, tmp_path)
    (section,) = _agreed(stored, results)
    assert set(section.table.full["dataset"]) == {"voted"}
    assert _agreed(stored, [one for one in results if one.configuration.dataset == "plain"]) == []
