"""Points in a CSV, as a user or a study writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mitofm.data.sources.points_csv import PointsCsv
from mitofm.errors import MitofmError

ROWS = """x,y,label,filename,slide,split,tumortype
4361,371.5,2,001.tiff,1,train,human breast cancer
781,897,1,001.tiff,1,train,human breast cancer
12,13,1,b/201.svs,NA,val,canine lung cancer
"""


def source(root: Path, text: str = ROWS, **settings: Any) -> PointsCsv:
    root.mkdir(parents=True, exist_ok=True)
    (root / "cells.csv").write_text(text)
    return PointsCsv(root, "mine", "cells.csv", **({"positive": [1], "negative": [2]} | settings))


def test_rows_become_cells(tmp_path: Path) -> None:
    table = source(tmp_path).table()
    assert table["sample_id"].tolist() == ["001-4361-371.5", "001-781-897", "b-201-12-13"]
    assert table[["x", "y"]].to_numpy().tolist() == [[4361, 371.5], [781, 897], [12, 13]]
    assert table["label"].tolist() == [0, 1, 1]
    assert table["image"].tolist() == ["001.tiff", "001.tiff", "b/201.svs"]
    assert table["slide"].tolist() == ["1", "1", "NA"]  # a name that looks missing is a name
    assert table["domain"].tolist() == ["human breast cancer"] * 2 + ["canine lung cancer"]
    assert table["dataset"].eq("mine").all()


def test_names_do_not_depend_on_the_order_of_the_rows(tmp_path: Path) -> None:
    head, *rows = ROWS.splitlines()
    turned = "\n".join([head, *reversed(rows)])
    assert source(tmp_path, turned).table().equals(source(tmp_path).table())


def test_zero_and_one_are_labels_only_because_the_config_says_so(tmp_path: Path) -> None:
    text = ROWS.replace(",2,001", ",0,001")
    assert source(tmp_path, text, negative=[0]).table()["label"].tolist() == [0, 1, 1]
    with pytest.raises(MitofmError, match=r"cells\.csv: row 2: its class is '0'"):
        source(tmp_path, text).table()


def test_other_words_further_columns_and_a_folder(tmp_path: Path) -> None:
    text = "cx,cy,kind,file,case,who,um\n1,2,mitosis,a.svs,c1,Aperio,0.25\n3,4,other,a.svs,c1,Aperio,0.25\n"
    table = source(
        tmp_path,
        text,
        positive="mitosis",
        negative="other",
        columns={"x": "cx", "y": "cy", "label": "kind", "image": "file", "slide": "case", "domain": None}
        | {"scanner": "who", "mpp": "um"},
        images="slides",
        domains=[{"domain": "mast cell tumor"}],
    ).table()
    assert table["image"].eq("slides/a.svs").all()
    assert table["mpp"].eq(0.25).all()
    assert table["scanner"].eq("Aperio").all()
    assert table["domain"].eq("mast cell tumor").all()
    assert table["label"].tolist() == [1, 0]


def test_own_names_are_kept(tmp_path: Path) -> None:
    text = "id," + ROWS.replace("\n4361", "\nc3,4361").replace("\n781", "\nc1,781").replace("\n12,", "\nc2,12,")
    assert source(tmp_path, text, columns={"sample_id": "id"}).table()["sample_id"].tolist() == ["c1", "c2", "c3"]


def test_the_same_cell_twice_is_two_rows_for_the_checks_to_see(tmp_path: Path) -> None:
    table = source(tmp_path, ROWS + ROWS.splitlines()[1] + "\n").table()
    assert table["sample_id"].tolist() == ["001-4361-371.5", "001-4361-371.5-2", "001-781-897", "b-201-12-13"]


def test_ignored_rows_keep_the_numbers_of_the_others(tmp_path: Path) -> None:
    text = ROWS.replace(",2,001", ",unsure,001").replace("781,897", "781,here")
    with pytest.raises(MitofmError, match=r"cells\.csv: row 3: y is 'here': it must be a number"):
        source(tmp_path, text, ignored="unsure").table()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            (",2,001", ",3,001"),
            r"cells\.csv: row 2: its class is '3', to which .* no label \(1 such\).*they name: 1, 2",
        ),
        (("label,", "class,"), r"cells\.csv lacks the column\(s\) label; it has: x, y, class, filename"),
        (("781,897", ",897"), r"cells\.csv: row 3: x is empty"),
        (("781,897", "left,897"), r"cells\.csv: row 3: x is 'left': it must be a number"),
        ((",NA,", ",,"), "row 4: slide is empty"),
        (("b/201.svs", "../201.svs"), r"row 4: image is '\.\./201\.svs'"),
        ((ROWS, ""), r"cells\.csv is empty \(0 bytes\)"),
        ((ROWS, "\x00\x01"), r"cells\.csv (is not a CSV|lacks)"),
        ((ROWS, ROWS.splitlines()[0]), "no entry is of a class"),
        ((ROWS, 'x,y\n1,"2\n'), r"cells\.csv is not a CSV file that can be read"),
    ],
)
def test_a_broken_file_is_one_message_with_file_and_row(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    with pytest.raises(MitofmError, match=message):
        source(tmp_path, ROWS.replace(*change)).table()


def test_missing_files_and_wrong_columns_are_named(tmp_path: Path) -> None:
    with pytest.raises(MitofmError, match=r"2 of 2 image files are missing in .*: 001\.tiff, b/201\.svs"):
        source(tmp_path).prepare()
    with pytest.raises(MitofmError, match=r"unknown column 'organ' in source\.columns"):
        source(tmp_path, columns={"organ": "tumortype"})
    with pytest.raises(MitofmError, match="no domain is known of 001"):
        source(tmp_path, columns={"domain": None}).table()
    (tmp_path / "cells.csv").unlink()
    with pytest.raises(MitofmError, match=r"'mine' is not here: .*cells\.csv does not exist"):
        PointsCsv(tmp_path, "mine", "cells.csv", positive=[1], negative=[2]).files()


def test_votes_and_patients_are_read_and_words_are_respelled(tmp_path: Path) -> None:
    head, *rows = ROWS.splitlines()
    votes = ["2,1,,A", "1,1,,A", "1,1.0,2,B"]
    text = "\n".join([f"{head},e1,e2,e3,who", *(f"{row},{more}" for row, more in zip(rows, votes, strict=True))])
    columns = {"votes": ["e1", "e2", "e3"], "patient": "who"}
    table = source(tmp_path, text, columns=columns, spelling={"canine lung cancer": "lung"}).table()
    assert table[["votes_positive", "votes"]].to_numpy().tolist() == [[1, 2], [2, 2], [2, 3]]
    assert table["patient"].tolist() == ["A", "A", "B"]
    assert table["domain"].tolist() == ["human breast cancer"] * 2 + ["lung"]
    with pytest.raises(MitofmError, match=r"cells\.csv lacks the column\(s\) of votes e9"):
        source(tmp_path, text, columns={"votes": ["e9"]}).table()
