"""Two studies side by side: what is paired, what is left over, and numbers that agree with those of the cells."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mitofm.ground.errors import MitofmError
from mitofm.reporting.compare import compare

if TYPE_CHECKING:
    from conftest import Study

SEEDS = [1, 2, 3]


def filled(study: Study, name: str, rank: int = 8, cells: tuple[str, ...] = (), **axes: list[Any]) -> Study:
    """A study of made-up cells with configs."""
    made, runs = type(study)(study.runs, name), study.runs
    made.cells += cells
    made.grid(seed=SEEDS, domains=[("breast", "lung")], **axes)
    for cell in made.cells:
        labels = json.loads((runs / "cells" / cell / "cell.json").read_text())["labels"]
        config = (
            f"backbone: {{name: {labels['backbone']}}}\nadaptation: {{name: {labels['adaptation']}, rank: {rank}}}\n"
        )
        (runs / "cells" / cell / "config.yaml").write_text(f"{config}data: {{root: /somewhere/{cell}}}\n")
    return made


def test_an_axis_that_either_study_holds_fixed_is_what_they_are_compared_on(study: Study, tmp_path: Path) -> None:
    filled(study, "one", backbone=["uni"], adaptation=["lora", "full"], fraction=[0.1, 1.0])
    filled(study, "other", backbone=["virchow2"], adaptation=["lora", "linear_probe"], fraction=[0.1, 1.0])
    found = compare(study.runs, "one", "other", tmp_path / "cache")
    assert found.full["adaptation"].tolist() == ["lora", "lora"]
    assert found.full["differs"].unique().tolist() == ["backbone uni against virchow2"]
    assert "Without a counterpart, 4:" in found.note
    assert found.note.count("full") == 2
    for row in found.full.itertuples():
        aurocs = {
            backbone: [
                json.loads((study.runs / "cells" / folder.name / "metrics.json").read_text())["sets"]["all"]["auroc"]
                for folder in sorted((study.runs / "cells").glob(f"{backbone}-lora-{row.fraction}-*"))
            ]
            for backbone in ("uni", "virchow2")
        }
        assert [len(values) for values in aurocs.values()] == [3, 3]
        assert row.difference == pytest.approx((sum(aurocs["uni"]) - sum(aurocs["virchow2"])) / 3, abs=1e-12)
        assert row.difference == pytest.approx(row.first_auroc - row.second_auroc, abs=1e-12)
        assert row.difference_low < row.difference < row.difference_high
        assert row.outcome in ("better", "worse", "equivalent", "not decided")
        assert row.corrected_low < row.difference_low
        assert (row.p_corrected < 0.05) == (not row.corrected_low <= 0 <= row.corrected_high)
        assert row.paired_by == "cells"
    swapped = compare(study.runs, "other", "one", tmp_path / "cache")
    assert swapped.full["difference"].tolist() == pytest.approx((-found.full["difference"]).tolist())
    found.write(tmp_path / "out")
    assert "uni against virchow2" in (tmp_path / "out" / "compare.md").read_text()


def test_what_no_label_holds_is_named_from_the_configs(study: Study, tmp_path: Path) -> None:
    filled(study, "low", rank=4, adaptation=["lora"], number=[1])
    filled(study, "high", rank=16, adaptation=["lora"], number=[2])
    found = compare(study.runs, "low", "high", tmp_path / "cache")
    assert found.full["differs"].tolist() == ["adaptation.rank 4 against 16"]


def test_shared_cells_differ_in_nothing(study: Study, tmp_path: Path) -> None:
    small = filled(study, "small", adaptation=["lora"])
    filled(study, "large", cells=tuple(small.cells), adaptation=["full"])
    found = compare(study.runs, "small", "large", tmp_path / "cache")
    assert found.full["difference"].tolist() == [0.0]
    assert found.full["differs"].tolist() == ["nothing: the same cells"]
    assert found.full[["paired_by", "outcome"]].to_numpy().tolist() == [["the same predictions", "equivalent"]]


def test_other_samples_are_said_and_no_counterpart_at_all_is_refused(study: Study, tmp_path: Path) -> None:
    filled(study, "one", adaptation=["lora"], augment=["none"])
    filled(study, "more", adaptation=["lora"], augment=["paper"], slides=[5])
    found = compare(study.runs, "one", "more", tmp_path / "cache")
    assert found.shown["paired by"].tolist() == ["slides"]
    assert "Paired by slides: not the same samples" in found.note
    assert found.full["p_corrected"].notna().all()
    filled(study, "far", adaptation=["full", "linear_probe"])
    filled(study, "near", adaptation=["lora"], fraction=[0.1, 1.0])
    with pytest.raises(MitofmError, match="no finished configuration in common"):
        compare(study.runs, "near", "far", tmp_path / "cache")
    for cell in filled(study, "failed", adaptation=["full"], number=[3]).cells:
        (study.runs / "cells" / cell / "DONE").rename(study.runs / "cells" / cell / "FAILED")
    with pytest.raises(
        MitofmError, match="study 'failed' has no finished cell to compare: `mitofm status study=failed`"
    ):
        compare(study.runs, "near", "failed", tmp_path / "cache")
