from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from mitofm.counting.detection import SUMS
from mitofm.ground.files import checksum
from mitofm.reporting.finding import Measured
from mitofm.reporting.findings import detection

if TYPE_CHECKING:
    from conftest import Study

Measure = Callable[["Study"], Measured]


def evaluate(study: Study, cell: Path, hits: int) -> Path:
    """As `mitofm count evaluate=true` leaves it; ten figures and ten detections on each slide."""
    tested = pd.read_parquet(cell / "predictions.parquet").drop_duplicates("slide")
    sums = tested[["domain", "evaluation_set"]].assign(
        unit=tested["slide"], figures=10, found=10, hits=hits, reached=10
    )
    sums.iloc[::2, sums.columns.get_loc("hits")] += 1
    facts = {"slides": sums.to_dict("list")}
    folder = study.runs / "counts" / f"{cell.name}-on-midog-evaluated"
    folder.mkdir(parents=True)
    (folder / SUMS).write_text(json.dumps(facts | {"checksum": checksum(facts)}))
    return folder / SUMS


def test_evaluated_cells_are_reported_over_seeds_and_by_domain(study: Study, measure: Measure) -> None:
    cells = [study.add(seed=seed, slides=8) for seed in (42, 43, 44)]
    for cell, hits in zip(cells, (6, 8), strict=False):
        evaluate(study, cell, hits)
    whole, domains = (section.table for section in detection.find(measure(study)).sections)
    (row,) = whole.full.to_dict("records")
    assert row["f1"] == pytest.approx(0.75)
    assert row["f1_low"] < row["f1"] < row["f1_high"]
    assert row["proposals_recall"] == 1
    assert row["count_bias"] == 0
    assert whole.shown["seeds"].tolist() == ["2"]
    assert len(domains.full) == 4


def test_counts_in_an_unseen_domain_are_drawn(study: Study, measure: Measure, undrawn: None) -> None:
    for adaptation in ("linear_probe", "lora"):
        evaluate(study, study.add(slides=8, train_domain="lung", adaptation=adaptation), 6)
    (drawn,) = detection.find(measure(study)).sections[0].figures
    assert drawn.description == "linear_probe: 240 counted, 240 annotated; lora: 240 counted, 240 annotated"
    assert drawn.stem.with_name(f"{drawn.stem.name}.svg").is_file()


def test_a_damaged_count_is_left_out_and_said(study: Study, measure: Measure) -> None:
    damaged, whole = (study.add(seed=seed, slides=8) for seed in (42, 43))
    evaluate(study, whole, 8)
    path = evaluate(study, damaged, 6)
    path.write_text(path.read_text().replace("7", "9", 1))
    found = detection.find(measure(study))
    assert found.sections[0].table.full["f1"].tolist() == [0.85]
    (said,) = found.cautions
    assert damaged.name in said


def test_without_evaluated_cells_there_is_nothing(study: Study, measure: Measure) -> None:
    study.add()
    assert detection.find(measure(study)).sections == []
