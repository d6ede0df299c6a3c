"""Cells as people name them."""

from __future__ import annotations

from pathlib import Path

import pytest

from mitofm.ground.errors import MitofmError
from mitofm.runs.books import studies
from mitofm.runs.cell_names import find_cell
from mitofm.runs.folder import CellFolder, State


def begin(runs: Path, name: str, state: State, files: tuple[str, ...] = ("config.yaml",)) -> None:
    (runs / "cells" / name).mkdir(parents=True)
    for file in files:
        (runs / "cells" / name / file).write_text("{}\n")
    CellFolder(runs, name).mark(state)


def test_a_name_without_a_result_is_told_from_one_that_no_cell_has(tmp_path: Path) -> None:
    begin(tmp_path, "ami-lora-s1-0a1b", State.DONE, ("config.yaml", "metrics.json"))
    begin(tmp_path, "ami-lora-s2-2c3d", State.FAILED)
    studies.enlist(tmp_path, "mine", "ami-lora-s1-0a1b")
    studies.enlist(tmp_path, "mine", "ami-lora-s2-2c3d")
    assert find_cell(tmp_path, "0a1", "metrics.json").name == "ami-lora-s1-0a1b"
    assert find_cell(tmp_path, "2c3").name == "ami-lora-s2-2c3d"
    with pytest.raises(MitofmError, match=r"ami-lora-s2-2c3d is FAILED.*`mitofm logs ami-lora-s2-2c3d`"):
        find_cell(tmp_path, "2c3", "metrics.json")
    with pytest.raises(
        MitofmError, match=r"'mine' is a study: give one of its 2 cells: ami-lora-s1-0a1b, ami-lora-s2-2c3d$"
    ):
        find_cell(tmp_path, "mine", "metrics.json")
    with pytest.raises(MitofmError, match="no cell 'nowhere' among the 1"):
        find_cell(tmp_path, "nowhere", "metrics.json")


def test_a_finished_cell_without_a_file_is_not_called_unfinished(tmp_path: Path) -> None:
    begin(tmp_path, "ami-lora-s1-0a1b", State.DONE)
    with pytest.raises(MitofmError, match=r"no cell '0a1' among the 0 in .* that hold metrics\.json"):
        find_cell(tmp_path, "0a1", "metrics.json")
