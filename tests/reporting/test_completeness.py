from __future__ import annotations

from typing import TYPE_CHECKING

from mitofm.reporting.completeness import describe_missing
from mitofm.reporting.findings import cautions
from mitofm.reporting.measured.configurations import group_cells
from mitofm.runs.collect import collect

if TYPE_CHECKING:
    from conftest import Study


def test_a_complete_pretrained_study_needs_no_caution(study: Study) -> None:
    study.add()
    collected = collect(study.runs, study.name)
    assert cautions.describe(collected.done) == []
    assert describe_missing(collected.cells, group_cells(collected)) == []


def test_missing_seeds_are_said(study: Study) -> None:
    study.add(seed=42)
    labels = study.labels | {"seed": 43}
    folder = study.folder(labels)
    folder.mkdir(parents=True)
    study.write(folder, "cell.json", {"labels": labels})
    (folder / "FAILED").write_text("out of memory")
    collected = collect(study.runs, study.name)
    first, second = describe_missing(collected.cells, group_cells(collected))
    assert first.startswith("1 of 2 cells are finished (1 failed).")
    assert second.startswith("Some seeds are missing in 1 configuration:")
