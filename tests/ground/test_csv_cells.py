"""A table as CSV: a spreadsheet computes nothing of it, and it reads back as it was."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mitofm.ground.csv_cells import read_cell, read_csv, to_csv, write_cell

CELLS = st.text() | st.sampled_from(
    ["=1+1", "'=1", "''+a", '\'"a"', "-", "@SUM(A1)", "\t=1", "\uff1d1", "a\x1b[2J", "-\n", "\r=1"]
)


@given(text=CELLS)
def test_any_text_comes_back_and_begins_no_formula(text: str) -> None:
    cell = write_cell(text)
    assert read_cell(cell) == text
    assert not cell or cell[0] not in "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20" or float(cell) == float(text)
    assert not set(map(chr, [*range(9), *range(10, 32), 127])) & set(cell)


@pytest.mark.parametrize(
    "value", [-0.5, 1, None, float("nan"), "-0.25", "+1e-3", "lung", "it's", "'quoted'", "a = b", ""]
)
def test_numbers_and_plain_words_are_as_they_were(value: Any) -> None:
    assert write_cell(value) is value


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(names=st.lists(CELLS.filter(lambda text: "\x00" not in text), min_size=1, max_size=4))
def test_a_table_comes_back(tmp_path: Path, names: list[str]) -> None:
    heading = "=cmd|' /C calc'!A0"
    table = pd.DataFrame({heading: names, "auroc": [-0.123456789012345678] * len(names)})
    (tmp_path / "a.csv").write_text(to_csv(table), encoding="utf-8")
    back = read_csv(tmp_path / "a.csv", dtype={write_cell(heading): str}, keep_default_na=False)
    pd.testing.assert_frame_equal(back, table, check_dtype=False)
