from __future__ import annotations

from pathlib import Path

import pytest

from mitofm.ground.errors import MitofmError
from mitofm.runs.books import studies

FAMILY = {"metric": "auroc", "margin": 0.02}


def test_a_planned_cell_is_not_started_until_any_command_asks_for_it(tmp_path: Path) -> None:
    for _ in range(2):
        studies.note_grid(tmp_path, "mine", {"data": "ami"}, {"seed": ["1", "2"], "fraction": ["0.1", "1.0"]})
    studies.note_grid(tmp_path, "mine", {"seed": "2"}, {"fraction": ["1.0"], "data": ["ami", "mf"]})  # overlaps
    studies.enlist(tmp_path, "mine", "a", {"seed": "2", "fraction": "1.0", "data": "ami"})
    studies.enlist(tmp_path, "mine", "b", {"seed": "1", "fraction": "1.0", "data": "ami"})
    studies.enlist(tmp_path, "mine", "c")
    left = ["seed=1, fraction=0.1", "seed=2, fraction=0.1", "fraction=1.0, data=mf"]
    assert studies.read(tmp_path, "mine").not_started() == (left, 5)
    assert list(studies.read(tmp_path, "mine").cells) == ["a", "b", "c"]


def test_choices_that_have_come_to_mean_other_cells_are_not_started_again_yet(tmp_path: Path) -> None:
    def asked_for(*cells: str) -> None:
        for seed, cell in enumerate(cells):
            studies.enlist(tmp_path, "mine", cell, {"seed": str(seed)})

    studies.note_grid(tmp_path, "mine", {}, {"seed": ["0", "1", "2"]})
    asked_for("a", "b", "c")
    asked_for("a")  # the same sweep again, stopped early
    assert studies.read(tmp_path, "mine").not_started() == ([], 3)
    asked_for("a of another sweep.yaml")
    assert studies.read(tmp_path, "mine").not_started() == (["seed=1", "seed=2"], 3)
    asked_for("a", "b", "c")  # and back
    assert studies.read(tmp_path, "mine").not_started() == ([], 3)


def test_what_a_study_states_stays(tmp_path: Path) -> None:
    studies.state_comparisons(tmp_path, "mine", None)
    assert studies.list_names(tmp_path) == []
    for _ in range(2):
        studies.state_comparisons(tmp_path, "mine", FAMILY)
    studies.state_comparisons(tmp_path, "mine", None)  # one more cell by hand states nothing
    assert studies.read(tmp_path, "mine").stated == FAMILY
    with pytest.raises(MitofmError, match=r"study 'mine' stated other comparisons before its first cell ran"):
        studies.state_comparisons(tmp_path, "mine", FAMILY | {"margin": 0.1})
    assert studies.read(tmp_path, "mine").stated == FAMILY
