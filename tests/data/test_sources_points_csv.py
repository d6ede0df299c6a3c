"""Points in a CSV, as a user or a study writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mitofm.data.sources.points_csv import PointsCsv
from mitofm.ground.errors import MitofmError

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
        (
            ("label,", "kind,"),
            r"cells\.csv lacks the column\(s\) label; it has: x, y, kind, filename.*columns\.label=WORD",
        ),
        (("781,897", ",897"), r"cells\.csv: row 3: x is empty"),
        (("781,897", "left,897"), r"cells\.csv: row 3: x is 'left': it must be a number"),
        ((",NA,", ",,"), "row 4: slide is empty"),
        (("b/201.svs", "../201.svs"), r"row 4: image is '\.\./201\.svs'"),
        ((ROWS, ""), r"cells\.csv is empty \(0 bytes\)"),
        ((ROWS, "\x00\x01"), r"cells\.csv (is not a CSV|lacks)"),
        ((ROWS, ROWS.splitlines()[0]), "it has no rows: nothing is labelled in it"),
        ((ROWS, 'x,y\n1,"2\n'), r"cells\.csv is not a CSV file that can be read"),
    ],
)
def test_a_broken_file_is_one_message_with_file_and_row(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    with pytest.raises(MitofmError, match=message):
        source(tmp_path, ROWS.replace(*change)).table()


def test_missing_files_and_wrong_columns_are_named(tmp_path: Path) -> None:
    with pytest.raises(MitofmError, match=r"2 of 2 image files are missing in .*: 001\.tiff, b/201\.svs"):
        source(tmp_path).prepare()
    with pytest.raises(MitofmError, match=r"unknown column 'organ' in data\.source\.columns"):
        source(tmp_path, columns={"organ": "tumortype"})
    with pytest.raises(MitofmError, match="no domain is known of b/201"):
        source(tmp_path, columns={"domain": None}, domains={"001.tiff": "lung"}).table()
    (tmp_path / "cells.csv").unlink()
    with pytest.raises(MitofmError, match=r"'mine' is not here: .*cells\.csv does not exist"):
        PointsCsv(tmp_path, "mine", "cells.csv", positive=[1], negative=[2]).files()


def test_x_y_label_and_image_are_enough(tmp_path: Path) -> None:
    table = source(tmp_path, "x,y,label,filename\n1,2,1,a.svs\n3,4,2,b/c.svs\n").table()
    assert table["slide"].tolist() == ["a", "b-c"]
    assert table["domain"].tolist() == ["mine", "mine"]


def test_without_labels_neither_slide_nor_domain_nor_label_is_needed(tmp_path: Path) -> None:
    table = source(tmp_path, "x;y;filename\n1,5;2;a.svs\n", columns={"label": None}).table()
    assert table[["x", "y", "label", "slide"]].to_numpy().tolist() == [[1.5, 2, -1, "a"]]


@pytest.mark.parametrize(
    "header",
    [
        "x,y,label,filename,slide,tumortype",
        "X,Y,Label,File Name,Slide,Tumor",
        "coordinateX,coordinateY,class,file_name,case,tumor_type",
        "Centroid X px,Centroid Y px,Classification,Image,Case ID,Tumour",
        "x (px),y [px],Class,image_path,slide_id,organ",
        "x_px,y_px,category,FILENAME,Slide,Domain",
    ],
)
def test_usual_words_need_not_be_stated(tmp_path: Path, header: str) -> None:
    table = source(tmp_path, f"{header}\n10,20,1,a.svs,s,lung\n").table()
    assert table.loc[0, ["x", "y", "label", "image", "slide", "domain"]].tolist() == [10, 20, 1, "a.svs", "s", "lung"]


def test_a_word_of_the_files_own_goes_before_one_that_is_alike(tmp_path: Path) -> None:
    text = "X,x,y,label,Image,filename,case,slide\n9,1,2,1,b.svs,a.svs,c,s\n"
    assert source(tmp_path, text).table().loc[0, ["x", "image", "slide"]].tolist() == [1, "a.svs", "s"]


@pytest.mark.parametrize("key", ["x", "label", "image", "slide", "domain", "species"])
def test_a_word_that_the_user_states_must_be_there(tmp_path: Path, key: str) -> None:
    with pytest.raises(MitofmError, match=r"lacks the column\(s\) Mine; it has: x, y, label, filename, slide, split"):
        source(tmp_path, columns={key: "Mine"}).table()


@pytest.mark.parametrize("key", ["x", "y", "image"])
def test_what_every_sample_needs_cannot_be_null(tmp_path: Path, key: str) -> None:
    with pytest.raises(MitofmError, match=rf"^data\.source\.columns\.{key} is null, .*columns\.{key}=WORD"):
        source(tmp_path, columns={key: None})


@pytest.mark.parametrize(
    "change",
    [
        (",", ";"),
        (",", "\t"),
        (".5", ".50"),
        ("371.5", '"371,5"'),
        ("897,1,", "897,1.0,"),
        (",2,", ",2.0,"),
        (",781", ", 781 "),
    ],
)
def test_a_table_of_another_dialect_is_the_same_samples(tmp_path: Path, change: tuple[str, str]) -> None:
    changed = source(tmp_path / "a", ROWS.replace(*change)).table().drop(columns="sample_id")
    assert changed.equals(source(tmp_path / "b").table().drop(columns="sample_id"))


def test_a_decimal_comma_is_a_point_in_the_names_too(tmp_path: Path) -> None:
    rows = ROWS.replace(",", ";").replace("371.5", "371,5")
    assert source(tmp_path, rows).table().equals(source(tmp_path).table())


def test_a_number_that_may_be_two_is_shown_with_its_row(tmp_path: Path) -> None:
    with pytest.raises(MitofmError, match=r"cells\.csv: row 2: y is '1\.371,5': with two kinds of marks"):
        source(tmp_path, ROWS.replace(",", ";").replace("371.5", "1.371,5")).table()


def test_several_files_are_one_table(tmp_path: Path) -> None:
    for number in (1, 2):
        source(tmp_path, f"x,y,label,filename,tumortype\n{number},2,1,{number}.svs,lung\n")
        (tmp_path / "cells.csv").rename(tmp_path / f"slide{number}.csv")
    for file in ("slide*.csv", ["slide1.csv", "slide2.csv"], ["slide2.csv", "*.csv"], f"{tmp_path}/*.csv"):
        table = PointsCsv(tmp_path, "mine", file, positive=[1], negative=[0]).table()
        assert table["sample_id"].tolist() == ["1-1-2", "2-2-2"]
    (tmp_path / "slide2.csv").write_text("x,y,label,filename,tumortype\n1,2,1,../2.svs,lung\n")
    with pytest.raises(MitofmError, match=r"2 files: row 2 of slide2\.csv: image is '\.\./2\.svs'"):
        PointsCsv(tmp_path, "mine", "*.csv", positive=[1], negative=[0]).table()
    with pytest.raises(MitofmError, match=r"no file in .* is called like '\*\.tsv'; .* holds slide1\.csv, slide2\.csv"):
        PointsCsv(tmp_path, "mine", "*.tsv", positive=[1], negative=[0]).files()


def test_the_usual_name_stands_for_the_only_table_of_the_folder(tmp_path: Path) -> None:
    mine = source(tmp_path, ROWS.replace(",2,001", ",0,001"), negative=[0])
    (tmp_path / "cells.csv").rename(tmp_path / "mitoses.TSV")
    assert len(mine.table()) == 3
    (tmp_path / "split.csv").touch()
    with pytest.raises(MitofmError, match=r"several others: mitoses\.TSV, split\.csv\. .*data\.source\.file=mitoses"):
        mine.files()


def test_an_image_without_its_ending_is_the_one_of_that_name(tmp_path: Path) -> None:
    mine = source(tmp_path, "x,y,label,image\n1,2,1,a\n3,4,2,B.ome\n5,6,1,sub/c\n", images="slides")
    (tmp_path / "slides" / "sub").mkdir(parents=True)
    for name in ("a.svs", "a.xml", "b.ome.tif", "sub/c.tiff"):
        (tmp_path / "slides" / name).touch()
    assert mine.table()["image"].tolist() == ["slides/a.svs", "slides/b.ome.tif", "slides/sub/c.tiff"]
    assert [path.name for path in mine.files()] == ["cells.csv"]
    (tmp_path / "slides" / "a.png").touch()
    with pytest.raises(MitofmError, match=r"'a' may be the image .*a\.png or a\.svs"):
        mine.table()
    with pytest.raises(MitofmError, match=r"image 'q' has no ending that images are read from.*data\.source\.images"):
        source(tmp_path, "x,y,label,image\n1,2,1,q\n").table()


@pytest.mark.parametrize(
    ("domains", "found"),
    [
        ("lung", ["lung", "lung", "lung"]),
        ({"domain": "lung", "scanner": "XR"}, ["lung", "lung", "lung"]),
        ({"001.tiff": "breast", "201": "lung"}, ["breast", "breast", "lung"]),
        ({"*": "rest", "b/201.svs": "lung"}, ["rest", "rest", "lung"]),  # a name goes before a pattern
        ({"*.tiff": {"domain": "breast"}, "b/*": "lung"}, ["breast", "breast", "lung"]),
        ({1: "breast", 201: "lung"}, ["breast", "breast", "lung"]),
        ([{"files": [1, 50], "domain": "breast"}, {"files": "b/*", "domain": "lung"}], ["breast", "breast", "lung"]),
        (None, ["mine", "mine", "mine"]),
        ([{"species": "canine"}], ["mine", "mine", "mine"]),
    ],
)
def test_domains_are_a_word_a_map_or_a_list(tmp_path: Path, domains: Any, found: list[str]) -> None:
    assert source(tmp_path, columns={"domain": None}, domains=domains).table()["domain"].tolist() == found


def test_a_wrong_rule_is_named(tmp_path: Path) -> None:
    with pytest.raises(MitofmError, match=r"source\.domains: unknown organ"):
        source(tmp_path, domains={"001": {"organ": "lung"}}).table()


def test_further_columns_are_read_if_they_are_stated(tmp_path: Path) -> None:
    text = "x;y;label;filename;who;where;um;scan\n1;2;1;a.svs;p1;dog;0,25;XR\n3;4;1;a.svs;p2;dog;0,25;XR\n"
    columns = {"patient": "who", "species": "where", "mpp": "um", "scanner": "scan"}
    table = source(tmp_path, text, columns=columns).table()
    assert table.loc[0, ["patient", "species", "mpp", "scanner"]].tolist() == ["p1", "dog", 0.25, "XR"]
    assert "patient" not in source(tmp_path, text).table()


def test_votes_of_experts_are_counted(tmp_path: Path) -> None:
    text = "x,y,label,filename,e1,e2,e3\n1,2,mitosis,a.svs,Mitosis,non-mitosis,\n3,4,look-alike,a.svs,0,look-alike,1\n"
    for words in ((), ["mitosis", 1]):
        table = source(
            tmp_path, text, positive=[1], negative=[0], columns={"votes": ["e1", "e2", "e3"]}, vote_words=words
        ).table()
        assert table[["label", "votes_positive", "votes"]].to_numpy().tolist() == [[1, 1, 2], [0, 1, 3]]
    with pytest.raises(MitofmError, match=r"cells\.csv lacks the column\(s\) of votes e4"):
        source(tmp_path, text, positive=[1], negative=[0], columns={"votes": "e4"}).table()


def test_a_table_of_cases_and_spelling_say_what_the_points_do_not(tmp_path: Path) -> None:
    tmp_path.joinpath("cases.csv").write_text("case;organ;machine\n1;Lung;XR2\n201;Skin;XR\n")
    mine = source(
        tmp_path,
        columns={"domain": None},
        cases={"file": "cases.csv", "image": "case", "domain": "organ", "scanner": "machine"},
        spelling={"XR2": "XR"},
    )
    table = mine.table()
    assert table["domain"].tolist() == ["Lung", "Lung", "Skin"]
    assert table["scanner"].eq("XR").all()
    assert [path.name for path in mine.files()] == ["cells.csv", "cases.csv"]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"images": 5}, r"data\.source\.images=5: give a folder"),
        ({"positive": None}, r"data\.source\.positive=None: give a class, or a list"),
        ({"spelling": "foo"}, r"data\.source\.spelling='foo': give a map"),
        ({"cases": "foo"}, r"data\.source\.cases='foo': give a map"),
    ],
)
def test_a_setting_of_another_kind_is_one_line(tmp_path: Path, settings: dict[str, Any], told: str) -> None:
    with pytest.raises(MitofmError, match=told):
        source(tmp_path, **settings)
    for file in (5, []):
        with pytest.raises(MitofmError, match=r"data\.source\.file=.*: give a name, or a list of names"):
            PointsCsv(tmp_path, "mine", file, positive=[1], negative=[0])  # type: ignore[arg-type]


def test_paths_as_windows_writes_them_and_a_column_of_patients(tmp_path: Path) -> None:
    rows = "x,y,label,filename,Patient ID\n1,2,1,b\\201.svs,p1\n"
    table = source(tmp_path, rows).table()
    assert table.loc[0, ["image", "slide", "patient"]].tolist() == ["b/201.svs", "b-201", "p1"]
