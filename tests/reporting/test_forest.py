from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mitofm.evaluation.comparisons import Comparisons
from mitofm.reporting import contrasts, forest, stated
from mitofm.reporting.configurations import groups
from mitofm.reporting.estimates import Stored, measure, primary
from mitofm.reporting.kept import Kept
from mitofm.runs.collect import collect

if TYPE_CHECKING:
    from conftest import Study

FAMILY = {"adaptation": {"adaptation": ["full", "linear_probe"]}, "labels": {"fraction": [0.1, 1.0]}}


def test_differences_are_drawn_at_the_largest_fraction_and_stated_ones_all(study: Study, tmp_path: Path) -> None:
    study.grid(adaptation=["linear_probe", "full"], fraction=[0.1, 1.0], seed=[42, 43], domains=[("breast", "lung")])
    collected = collect(study.runs, study.name)
    stored = Stored(collected, Kept(study.runs / "cache"))
    results = measure(stored, groups(collected))
    found = contrasts.between_adaptations(stored, primary(results), ["linear_probe", "full"])
    (drawn,) = forest.contrast_forests(found, tmp_path)
    assert drawn.title == "Paired differences of adaptations: 100 % of the labels"
    assert drawn.about >= {"uni", "linear_probe", "full"}
    assert drawn.description.count(";") == 0

    asked = Comparisons.from_config({"metric": "auroc", "test_set": None, "margin": 0.02, "family": FAMILY})
    answered, unequal = stated.answers(stored, results, asked)
    shown = stated.stated_table(answered, unequal, asked)
    (drawn,) = forest.stated_forest(answered, shown, asked, tmp_path)
    assert drawn.description.count(";") == len(answered) - 1 == 3
    assert "adaptation: full − linear_probe, 10 %, " in drawn.description
    assert Path(f"{drawn.stem}.svg").is_file()
    assert forest.stated_forest(answered * 20, shown, asked, tmp_path) == []
    assert forest.stated_forest([], shown, asked, tmp_path) == []
