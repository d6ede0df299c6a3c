"""How a table is made of its entries, and what a page shows of one that is very long."""

from __future__ import annotations

import pandas as pd

from mitofm.reporting.tables import MOST_ROWS, Entry, Table, make_table


def make(amounts: list[float]) -> Table:
    rows = (
        [
            Entry("labels", f"{amount:g}", {"fraction": amount, "name": f"row {number}"}),
            *([Entry("odd", "yes", {"odd": None, "more": number})] if number % 2 else []),
        ]
        for number, amount in enumerate(amounts)
    )
    return make_table("made_up", "Made up", rows)


def test_a_table_is_that_of_its_rows_one_by_one() -> None:
    table = make([0.1, 1.0, 1.0])
    rows = [{"fraction": 0.1, "name": "row 0"}, {"fraction": 1.0, "name": "row 1", "odd": None, "more": 1}]
    pd.testing.assert_frame_equal(table.full, pd.DataFrame([*rows, {"fraction": 1.0, "name": "row 2"}]))
    assert table.shown.to_dict("list") == {"labels": ["0.1", "1", "1"], "odd": ["", "yes", ""]}
    assert make([]).full.empty


def test_a_page_shows_all_rows_but_of_very_many_those_with_most_labels() -> None:
    table = make([0.1, 1.0] * (MOST_ROWS // 2))
    short = table.shorten()
    assert (short.count, short.left_out, short.caption) == (MOST_ROWS, 0, "")
    pd.testing.assert_frame_equal(short.shown, table.shown)
    assert list(short.rows)[3] == (("1", "yes"), ("row 3",))
    long = make([0.1, 1.0] * (MOST_ROWS // 2 + 1)).shorten()
    assert set(long.shown["labels"]) == {"1"}
    assert (len(long.shown), long.count) == (MOST_ROWS // 2 + 1, MOST_ROWS + 2)
    assert "Shown are 601 of 1,202 rows, of those with most labels; made_up.csv" in long.caption
    assert len(make([1.0] * 2 * MOST_ROWS).shorten().shown) == MOST_ROWS
