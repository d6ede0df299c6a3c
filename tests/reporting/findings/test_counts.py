from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
import yaml

from mitofm.evaluation.count_agreement import count_by_slide
from mitofm.evaluation.threshold import read_logit
from mitofm.reporting.finding import Measured
from mitofm.reporting.findings import counts

if TYPE_CHECKING:
    from conftest import Study

Measure = Callable[["Study"], Measured]
CUT = read_logit({"value": 0.4})


def test_counts_and_their_agreement_are_those_of_the_stored_predictions(study: Study, measure: Measure) -> None:
    folders = [study.add(seed=seed, slides=8) for seed in (42, 43)]
    for folder in folders:
        split = pd.read_parquet(folder / "split.parquet")
        trained = split.assign(sample_id=split["sample_id"] + "-t", part="train")
        pd.concat([split.assign(part="test"), trained]).to_parquet(folder / "split.parquet", index=False)
    found = counts.find(measure(study))
    whole, domains, slides = (section.table for section in found.sections)
    assert "candidates were given" in found.sections[0].text
    assert whole.full["way"].tolist() == ["called", "corrected"]
    bias = []
    for folder in folders:
        table = pd.read_parquet(folder / "predictions.parquet")
        apart = (table["logit"] >= CUT).astype(int) - table["label"]
        bias.append(apart.groupby(table["slide"]).sum().mean())
    row = whole.full.iloc[0]
    assert row["count_bias"] == pytest.approx(np.mean(bias))
    assert row["count_bias_low"] < row["count_bias"] < row["count_bias_high"]
    assert row["limit_low"] < row["count_bias"] < row["limit_high"]
    assert 0 < row["concordance_low"] < row["concordance"] < row["concordance_high"] < 1
    assert sorted(set(domains.full["set"])) == [f"domain:{name}" for name in ("breast", "lung", "lymphoma", "melanoma")]
    assert "kappa" not in domains.full
    tables = [pd.read_parquet(folder / "predictions.parquet") for folder in folders]
    annotated = pd.concat([table.groupby("slide")["label"].sum() for table in tables]).groupby("slide").mean()
    assert slides.full.set_index("slide")["annotated"].to_dict() == pytest.approx(annotated.to_dict())


@pytest.mark.parametrize("stated", [False, True])
def test_corrected_counts_take_off_the_prevalence_that_logits_are_calibrated_to(
    study: Study, measure: Measure, stated: bool
) -> None:
    folder = study.add(slides=8)
    split = pd.read_parquet(folder / "split.parquet").assign(part="test")
    votes = split.assign(
        sample_id=split["sample_id"] + "-t", part="train", target=0.25
    )  # trained towards shares of votes
    pd.concat([split.assign(target=split["label"] * 1.0), votes]).to_parquet(folder / "split.parquet", index=False)
    if stated:  # of an ensemble
        metrics = json.loads((folder / "metrics.json").read_text())
        study.write(folder, "metrics.json", metrics | {"prior": {"logit": 0.0, "prevalence": 0.1}})
    found = counts.find(measure(study)).sections[0].table.full.set_index("way").loc["corrected"]
    predictions = pd.read_parquet(folder / "predictions.parquet")
    expected = count_by_slide(predictions, CUT, 0.0, 0.1 if stated else 0.25)["corrected"]
    assert found["predicted"] == pytest.approx(expected.mean(), rel=1e-12)


def test_a_card_with_area_and_cut_offs_gives_counts_per_area_and_kappa_with_its_source(
    study: Study, measure: Measure
) -> None:
    card = {"area_mm2": 4.0, "cut_offs": {"lung": {"at": [3], "in_mm2": 2.0, "source": "Someone 1999"}}}
    for seed in (42, 43):
        (study.add(seed=seed, slides=8) / "config.yaml").write_text(yaml.safe_dump({"data": card}))
    whole, domains, _ = (section.table for section in counts.find(measure(study)).sections)
    assert "annotated per 2 mm²" in whole.shown
    lung = domains.full.set_index("set").loc["domain:lung"]
    assert -1 <= lung["kappa"] <= 1
    assert domains.full.set_index("set").loc["domain:breast", "kappa"] is None or np.isnan(
        domains.full.set_index("set").loc["domain:breast", "kappa"]
    )
    assert "from 3 in 2 mm² (Someone 1999)" in domains.note


def test_cells_whose_slides_were_trained_on_have_no_counts(study: Study, measure: Measure) -> None:
    study.add(leaks=True)
    assert counts.find(measure(study)).sections == ()
