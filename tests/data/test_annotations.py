from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mitofm.data.annotations import fingerprint, validate
from mitofm.ground.errors import MitofmError


def table(n: int = 4, **columns: object) -> pd.DataFrame:
    plain = {
        "sample_id": [f"c{i}" for i in range(n)],
        "dataset": "d",
        "image": "images/a.png",
        "x": range(n),
        "y": range(n),
        "label": [i % 2 for i in range(n)],
        "slide": "s1",
        "domain": "lymphoma",
    }
    return pd.DataFrame(plain | columns)


def test_columns_are_ordered_typed_and_others_dropped() -> None:
    given_table = table(crop="p/x.png", mpp="0.25", score=1.0, scanner="A").iloc[:, ::-1]
    clean = validate(given_table.iloc[[2, 0, 3, 1]], "here")
    assert list(clean) == [
        "sample_id",
        "dataset",
        "image",
        "x",
        "y",
        "label",
        "slide",
        "domain",
        "scanner",
        "mpp",
        "crop",
    ]
    assert clean["sample_id"].tolist() == ["c0", "c1", "c2", "c3"]
    assert (clean["x"].dtype, clean["label"].dtype, clean["mpp"].dtype) == (np.float64, np.int64, np.float64)


def test_numbers_as_names_and_text_as_numbers_are_understood() -> None:
    clean = validate(table(slide=304, label=["0", "1", "0", "1"], x=["1.5", " 2", "3", "4"]), "here")
    assert clean["slide"].tolist() == ["304"] * 4
    assert clean["label"].tolist() == [0, 1, 0, 1]
    assert clean["x"].tolist() == [1.5, 2, 3, 4]


def test_the_input_is_not_changed() -> None:
    before = table(slide=304)
    copy = before.copy()
    validate(before, "here")
    pd.testing.assert_frame_equal(before, copy)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"label": [0, 1, 2, 1]}, "here: row 4: label is 2"),
        ({"label": [0, 0.5, 1, 1]}, "row 3: label is 0.5"),
        ({"label": [0, None, 1, 1]}, "row 3: label is nan"),
        ({"x": [0, 1, "left", 2]}, "row 4: x is 'left'.*number"),
        ({"y": [0, 1, 2, np.inf]}, "row 5: y is inf"),
        ({"slide": ["a", None, "b", ""]}, r"row 3: slide is .*value is needed.*\(2 such rows\)"),
        ({"scanner": ["a", "b", " ", "c"]}, "row 4: scanner"),
        ({"sample_id": ["a", "b", "c", "a"]}, "row 5: sample_id is 'a': it names an earlier row"),
        ({"mpp": [0.25, 0.25, 0, 0.25]}, "row 4: mpp is 0.0"),
        ({"mpp": [0.25, None, 0.25, 0.25]}, "row 3: mpp is nan"),
        ({"image": "../other/a.png"}, "row 2: image.*inside the data set's folder"),
        ({"crop": "/etc/a.png"}, "row 2: crop"),
        ({"crop": "C:\\a.png"}, "row 2: crop"),
        ({"crop": "p\\..\\..\\a.png"}, "row 2: crop"),
    ],
)
def test_a_wrong_value_is_named_with_file_and_row(columns: dict[str, object], message: str) -> None:
    with pytest.raises(MitofmError, match=message):
        validate(table(**columns), "here")


def test_a_missing_column_and_an_empty_table_are_named() -> None:
    with pytest.raises(MitofmError, match=r"here: .*lacks the column\(s\) x, slide; it has: sample_id"):
        validate(table().drop(columns=["x", "slide"]), "here")
    with pytest.raises(MitofmError, match="no rows"):
        validate(table(0), "here")


def test_a_name_with_dots_is_not_a_way_out() -> None:
    assert validate(table(image="a..b/c.png"), "here")["image"].eq("a..b/c.png").all()


@settings(max_examples=30)
@given(st.permutations(range(6)))
def test_row_order_changes_neither_table_nor_fingerprint(order: list[int]) -> None:
    plain = validate(table(6, mpp=0.25), "here")
    shuffled = table(6, mpp=0.25).iloc[order]
    pd.testing.assert_frame_equal(validate(shuffled, "here"), plain)
    assert fingerprint(plain.iloc[order]) == fingerprint(plain)


@pytest.mark.parametrize(
    ("column", "value"),
    [("label", [1, 1, 0, 1]), ("x", 7), ("slide", "s2"), ("domain", "melanoma"), ("image", "b.png")],
)
def test_any_change_of_content_changes_the_fingerprint(column: str, value: object) -> None:
    changed = validate(table(**{column: value}), "here")
    assert fingerprint(changed) != fingerprint(validate(table(), "here"))


def test_the_fingerprint_is_the_same_on_every_machine() -> None:
    assert fingerprint(validate(table(), "here")) == "9d36e4421bff195b0782cd40e9aea45adf3cb46f6b45a63e6bc087ab005531a9"
