"""Crops that a CSV names, in the layouts in which they are published and exported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mitofm.data.sources.crop_files import name_samples
from mitofm.data.sources.crops_csv import CropsCsv
from mitofm.ground.errors import MitofmError

CSV = """image_id,filename,coordinateX,coordinateY,Tumor,Scanner,Species,expert1,expert2,expert3,majority
1.png,201.tiff,15,25,lung,XR,Canine,NMF,NMF,,NMF
2.png,201.tiff,35,45,lung,XRR,Canine,AMF,NMF,AMF,AMF
3.png,7.tiff,55,65,breast,XR,Human,AMF,NMF,NMF,NMF
"""
COLUMNS = {
    "crop": "image_id",
    "label": "majority",
    "slide": "filename",
    "domain": "Tumor",
    "scanner": "Scanner",
    "x": "coordinateX",
    "y": "coordinateY",
    "votes": ["expert1", "expert2", "expert3"],
}


def touch(root: Path, *files: str) -> None:
    for folder in {(root / file).parent for file in files}:
        folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        (root / file).touch()


def source(root: Path, text: str = CSV, **settings: Any) -> CropsCsv:
    root.mkdir(parents=True, exist_ok=True)
    (root / "list.csv").write_text(text)
    given = {"columns": COLUMNS, "positive": ["AMF"], "negative": ["NMF"], "name": "mine", "file": "list.csv"}
    return CropsCsv(root, **(given | settings))


def test_every_column_is_read_and_respelled(tmp_path: Path) -> None:
    touch(tmp_path, "crops/1.png", "crops/2.png", "crops/3.png", "crops/4.png", "crops/._1.png")
    reader = source(tmp_path, folder="crops", spelling={"XRR": "XR", "lung": "lung cancer"})
    reader.prepare()
    table = reader.table()
    assert table["sample_id"].tolist() == ["1", "2", "3"]
    assert table["crop"].tolist() == ["crops/1.png", "crops/2.png", "crops/3.png"]
    assert table["label"].tolist() == [0, 1, 0]
    assert table["slide"].tolist() == table["image"].tolist() == ["201.tiff", "201.tiff", "7.tiff"]
    assert table["domain"].tolist() == ["lung cancer", "lung cancer", "breast"]
    assert table["scanner"].eq("XR").all()
    assert table[["x", "y"]].to_numpy().tolist() == [[15, 25], [35, 45], [55, 65]]
    assert table[["votes_positive", "votes"]].to_numpy().tolist() == [[0, 2], [2, 3], [1, 3]]
    assert reader.files() == [tmp_path / "list.csv"]


def test_a_slide_may_be_named_by_the_crop_and_nothing_else_need_be_known(tmp_path: Path) -> None:
    touch(tmp_path, "a/s1_x2.png", "a/s1_x3.png", "a/s2_1.png", "a/s3_1.png")
    text = "image_file,label\ns1_x2.png,AMF\ns1_x3.png,MF\ns2_1.png,AMF\ns3_1.png,non-mitotic\n"
    settings: dict[str, Any] = {"columns": {"crop": "image_file", "label": "label"}, "negative": ["MF"], "file": None}
    settings |= {"ignored": "others", "domains": [{"domain": "several"}]}
    table = source(tmp_path, text, slide_pattern="^([^_]+)_", **settings).table()
    assert table["slide"].tolist() == ["s1", "s1", "s2"]
    assert table["label"].tolist() == [1, 0, 1]
    assert table["image"].equals(table["crop"])
    unknown = source(tmp_path, text, **settings).table()
    assert unknown["slide"].equals(unknown["sample_id"])
    unlabelled = source(tmp_path, text, **(settings | {"columns": {"crop": "image_file", "label": None}})).table()
    assert (len(unlabelled), set(unlabelled["label"])) == (4, {-1})
    with pytest.raises(MitofmError, match=r"list\.csv: no domain is known of a/s1_x2\.png"):
        source(tmp_path, text, **(settings | {"domains": []})).table()


@pytest.mark.parametrize(
    "called",
    [
        "{}.png",
        "{}",
        "{}.PNG",
        "{}.tif",
        "deep/{}.png",
        "/disk/crops/deep/{}.png",
        "C:\\crops\\deep\\{}.png",
        "DEEP/{}",
    ],
)
def test_a_crop_is_the_file_that_the_word_means(tmp_path: Path, called: str) -> None:
    touch(tmp_path, *(f"crops/deep/{number}.png" for number in (1, 2, 3)))
    text = CSV
    for number in (1, 2, 3):
        text = text.replace(f"\n{number}.png", "\n" + called.format(number))
    reader = source(tmp_path, text)
    reader.prepare()
    table = reader.table()
    assert table["crop"].tolist() == [f"crops/deep/{number}.png" for number in (1, 2, 3)]
    assert table["sample_id"].tolist() == ["1", "2", "3"]


def test_files_of_one_name_are_told_apart_by_their_folders_and_never_by_chance(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.png", "b/1.png", "b/3.png")
    text = CSV.replace("1.png", "a/1.png").replace("2.png", "b/1.png").replace("3.png", "b/3.png")
    assert source(tmp_path, text).table()["sample_id"].tolist() == ["a-1", "b-1", "b-3"]
    (tmp_path / "a" / "1.png").unlink()
    with pytest.raises(MitofmError, match=r"1 of 3 image files are missing in .*: a/1\.png"):
        source(tmp_path, text).prepare()
    touch(tmp_path, "c/3.png")
    with pytest.raises(MitofmError, match=r"list\.csv: row 4: '3\.png' may be b/3\.png or c/3\.png.*Give folder"):
        source(tmp_path).table()


def test_names_are_short_if_that_tells_crops_apart_and_a_crop_that_comes_again_has_a_number() -> None:
    for crops, names in (
        (["a/1.png", "a/2.png", "a/1.png"], ["1", "2", "1-2"]),
        (["a/1.png", "b/1.png"], ["a-1", "b-1"]),
        (["1.png", "1.jpg"], ["1.png", "1.jpg"]),
    ):
        assert name_samples(pd.Series(crops)).tolist() == names


def test_a_crop_named_twice_is_two_samples_for_curation_to_see(tmp_path: Path) -> None:
    touch(tmp_path, "1.png", "2.png")
    table = source(tmp_path, CSV.replace("3.png", "1.png")).table()
    assert table["sample_id"].tolist() == ["1", "1-2", "2"]
    assert table["crop"].tolist() == ["1.png", "1.png", "2.png"]


@pytest.mark.parametrize(
    ("change", "settings", "message"),
    [
        (("majority", "m"), {}, r"list\.csv lacks the column\(s\) majority; it has: image_id"),
        (("AMF\n", "?\n"), {}, r"list\.csv: row 3: its class is '\?'"),
        (("35,45", "a,45"), {}, r"list\.csv: row 3: x is 'a': it must be a number"),
        (("NMF,NMF,,", ",,,"), {}, r"list\.csv: row 2: no expert voted"),
        (("1.png", "../1.png"), {}, r"list\.csv: row 2: crop is '\.\./1\.png': it must be a path inside"),
        (
            ("", ""),
            {"file": "other.csv"},
            r"'mine' is not here: .*other\.csv does not exist; .* holds crops, list\.csv",
        ),
        (
            ("", ""),
            {"file": None, "columns": {"crop": "c"}},
            r"no table in .* has the columns c; .* holds crops, list\.csv",
        ),
        (("", ""), {"columns": {"crop": "image_id", "lable": "m"}}, r"unknown column 'lable'.*Did you mean 'label'"),
        (("", ""), {"columns": {"label": "m"}}, r"source\.columns must name the column of crops"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(
    tmp_path: Path, change: tuple[str, str], settings: dict[str, Any], message: str
) -> None:
    touch(tmp_path, "crops/1.png")
    with pytest.raises(MitofmError, match=message):
        source(tmp_path, CSV.replace(*change), **settings).table()


def test_the_only_table_with_the_columns_is_taken_and_of_two_neither(tmp_path: Path) -> None:
    reader = source(tmp_path, file=None)
    (tmp_path / "notes.txt").write_text("made in May\n")
    (tmp_path / "list.csv").rename(tmp_path / "list.tsv")
    assert reader.files() == [tmp_path / "list.tsv"]
    (tmp_path / "more.csv").write_text(CSV)
    with pytest.raises(
        MitofmError, match=r"list\.tsv or more\.csv may be its table\. Say which with data\.source\.file"
    ):
        reader.files()
