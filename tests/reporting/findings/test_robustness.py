from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import yaml

from mitofm.evaluation.robustness import METRICS, Robustness
from mitofm.evaluation.statistics import Estimate
from mitofm.reporting.finding import Measured
from mitofm.reporting.findings.domain_shift import measure_gaps
from mitofm.reporting.findings.robustness import LEAST, correlate, find, pick_records, predict
from mitofm.runs.robustness import FOLDER, Record, read_records

if TYPE_CHECKING:
    from conftest import Study

Measure = Callable[["Study"], Measured]


def record(
    backbone: str,
    value: float,
    weights: str = "pretrained",
    img_size: int = 64,
    dataset: str = "midog",
    crop_px: int = 64,
) -> Record:
    estimates = {metric: Estimate(value, value - 0.1, value + 0.1, slides=20) for metric in METRICS}
    found = Robustness(estimates, 5, 0.1, 0.75, 0.2, 1.0, 0.6, ("A", "B"), (), 100)
    contract, seen = {"img_size": img_size, "name": backbone}, {"data.crop_px": crop_px, "fit.precision": "fp32"}
    return Record(dataset, backbone, weights, contract, seen, {"scanner": found})


def gaps(measured: Measured) -> dict[str, float]:
    return {
        gap.configuration.model: gap.difference.value or 0.0 for gap in measure_gaps(measured.stored, measured.results)
    }


def test_a_record_is_read_back_and_a_damaged_one_is_passed_over(tmp_path: Path) -> None:
    kept = [record("uni", 0.7), record("uni", 0.6, img_size=96), record("uni", 0.5, crop_px=32)]
    for one in kept:
        one.keep(tmp_path)
    read = list(read_records(tmp_path))
    assert sorted(read, key=str) == sorted(kept, key=str)
    file = sorted((tmp_path / FOLDER).iterdir())[0]
    file.write_text(json.dumps(json.loads(file.read_text()) | {"dataset": "another"}))
    assert len(list(read_records(tmp_path))) == 2


def test_only_embeddings_that_the_study_has_are_shown(study: Study, measure: Measure) -> None:
    folder = study.add(backbone="uni")
    (folder / "config.yaml").write_text(
        yaml.safe_dump({"backbone": {"name": "uni", "img_size": 64}, "data": {"crop_px": 64}})
    )
    records = [
        record("uni", 0.7),
        record("uni", 0.7, img_size=96),
        record("uni", 0.7, crop_px=32),
        record("uni", 0.7, "random"),
        record("virchow", 0.7),
    ]
    measured = measure(study)
    assert pick_records(measured, [*records, record("uni", 0.7, dataset="ami")]) == records[:1]
    assert find(measured).sections == ()
    records[0].keep(study.runs)
    (section,) = find(measured).sections
    assert section.table is not None
    assert section.table.full["model"].tolist() == ["uni"]
    assert section.table.shown["robustness index"].tolist() == ["0.700 (0.600 to 0.800)"]


def test_of_few_backbones_nothing_is_told(study: Study, measure: Measure) -> None:
    study.grid(backbone=["uni", "virchow"], train_domain=["breast"])
    for place, name in enumerate(("uni", "virchow")):
        record(name, 0.5 + place / 10).keep(study.runs)
    found = find(measure(study))
    assert [section.table.name for section in found.sections if section.table] == ["robustness", "robustness_predicts"]
    assert found.answer == [
        f"Whether robust embeddings lose less on other domains cannot be told: too few backbones: 2, at least {LEAST} are needed."
    ]


def test_backbones_whose_gap_falls_with_robustness_have_a_tau_of_minus_one(study: Study, measure: Measure) -> None:
    study.grid(backbone=[f"b{place}" for place in range(LEAST)], train_domain=["breast"])
    study.add(backbone="b0", weights="random", train_domain="breast")
    measured = measure(study)
    for name, gap in gaps(measured).items():
        twin = name.endswith("(random weights)")
        record(name.split()[0], gap if twin else -gap, "random" if twin else "pretrained").keep(study.runs)
    records = pick_records(measured, read_records(study.runs))
    assert len(records) == LEAST + 1
    found = predict(records, measure_gaps(measured.stored, measured.results))
    assert {(one.by, one.backbones, one.correlation.value) for one in found} == {("scanner", LEAST, -1.0)}
    assert "2 are surely below 0, 0 surely above, 0 not decided" in find(measured).answer[0]


def test_the_interval_of_tau_is_that_of_bonett_and_wright() -> None:
    values = np.arange(12.0)
    pairs = np.stack([values, [1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10]], axis=1)
    found = correlate(pairs)
    assert found.value == pytest.approx(1 - 2 * 6 / 66)
    half = 1.959964 * np.sqrt(0.437 / 8)
    assert [found.low, found.high] == pytest.approx(
        np.tanh(np.arctanh(found.value) + np.array([-half, half])), abs=1e-6
    )
    assert correlate(np.ones((12, 2))).why == "all backbones are equal"
