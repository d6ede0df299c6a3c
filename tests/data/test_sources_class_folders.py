"""Crops in a folder per class, with and without a CSV that says what they are from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mitofm.data.sources.class_folders import ClassFolders
from mitofm.ground.errors import MitofmError

CROPS = {"Atypical": ["1.png", "3.PNG"], "Normal": ["2.png", "10.jpg"]}
JOIN = "file,slide,tumor_type,x,y\n1.png,210.tiff,lung,15,55\n2.png,210.tiff,lung,24,59\n3.png,211.tiff,skin,1,2\n10,212.tiff,skin,3,4\n"
COLUMNS = {"crop": "file", "slide": "slide", "domain": "tumor_type", "x": "x", "y": "y"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder, names in CROPS.items():
        (tmp_path / folder).mkdir()
        for name in names:
            Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / folder / name)
        (tmp_path / folder / ".DS_Store").touch()
    (tmp_path / "join.csv").write_text(JOIN)
    return tmp_path


def source(root: Path, **settings: Any) -> ClassFolders:
    given = {"positive": ["Atypical"], "negative": ["Normal"], "side": 128, "domains": [{"domain": "breast"}]}
    return ClassFolders(root, **({"name": "mine"} | given | settings))


def test_without_a_csv_each_crop_is_its_own_slide(root: Path) -> None:
    reader = source(root)
    reader.prepare()
    table = reader.table()
    assert table["sample_id"].tolist() == ["Atypical-1", "Atypical-3", "Normal-10", "Normal-2"]
    assert table["label"].tolist() == [1, 1, 0, 0]
    assert table["crop"].tolist() == ["Atypical/1.png", "Atypical/3.PNG", "Normal/10.jpg", "Normal/2.png"]
    assert table["slide"].equals(table["sample_id"])
    assert table["image"].equals(table["crop"])
    assert table[["x", "y"]].eq(64).all(axis=None)
    assert table["domain"].eq("breast").all()
    assert len(reader.files()) == 4


def test_a_csv_says_slide_domain_and_place(root: Path) -> None:
    reader = source(root, file="join.csv", columns=COLUMNS, domains=[{"domain": "six", "species": "canine"}])
    reader.prepare()
    table = reader.table()
    assert table["species"].eq("canine").all()  # the config adds what the CSV does not say, and only that
    assert table["slide"].tolist() == ["210.tiff", "211.tiff", "212.tiff", "210.tiff"]
    assert table["image"].equals(table["slide"])
    assert table["domain"].tolist() == ["lung", "skin", "skin", "lung"]
    assert table[["x", "y"]].to_numpy().tolist() == [[15, 55], [1, 2], [3, 4], [24, 59]]
    assert [path.name for path in reader.files()] == ["1.png", "3.PNG", "10.jpg", "2.png", "join.csv"]


def test_columns_are_joined_and_without_a_place_each_crop_is_its_own_image(root: Path) -> None:
    for number, name in enumerate(["M_1.png", "M_2.png", "T_1.png", "T_2.png"]):
        folder = root / ("Train/Normal" if number % 2 else "Train/Atypical")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    (root / "list.csv").write_text("dataset,uid,slide\nM,1,7\nM,2,7\nT,1,7\nT,2,8\n")
    table = source(
        root,
        positive=["Train/Atypical"],
        negative=["Train/Normal"],
        file="list.csv",
        columns={"crop": ["dataset", "uid"], "slide": ["dataset", "slide"]},
    ).table()
    assert table["sample_id"].tolist() == [
        "Train-Atypical-M_1",
        "Train-Atypical-T_1",
        "Train-Normal-M_2",
        "Train-Normal-T_2",
    ]
    assert table["slide"].tolist() == ["M_7", "T_7", "M_7", "T_8"]
    assert table["image"].equals(table["crop"])


def test_a_crop_more_or_less_than_the_csv_describes_is_named(root: Path) -> None:
    reader = source(root, file="join.csv", columns=COLUMNS)
    (root / "Normal" / "2.png").unlink()
    with pytest.raises(
        MitofmError, match=r"1 crops of .*join\.csv are in none of the folders Atypical, Normal of .*: 2\."
    ):
        reader.prepare()
    assert len(reader.table()) == 3
    (root / "Normal" / "77.png").touch()
    with pytest.raises(
        MitofmError, match=r"join\.csv: 1 crops .* have no row of their own, the first is Normal/77\.png"
    ):
        reader.table()
    (root / "Normal" / "77.png").rename(root / "Normal" / "1.png")  # the CSV cannot tell it from Atypical/1.png
    with pytest.raises(MitofmError, match=r"row 2: '1\.png' may be Atypical/1\.png or Normal/1\.png of .*Give folder"):
        reader.table()


def test_crops_of_one_name_are_told_apart_by_folder_and_ending_or_refused(root: Path) -> None:
    (root / "Normal" / "1.png").touch()
    (root / "Normal" / "3.jpg").touch()
    reader = source(root, file="join.csv", columns=COLUMNS)
    rows = JOIN.replace("1.png", "Atypical/1.png") + "./Normal/1,213.tiff,skin,5,6\n3.jpg,214.tiff,skin,7,8\n"
    (root / "join.csv").write_text(rows)
    reader.prepare()
    slides = reader.table().set_index("crop")["slide"]
    assert slides[["Atypical/1.png", "Normal/1.png"]].tolist() == ["210.tiff", "213.tiff"]
    assert slides[["Atypical/3.PNG", "Normal/3.jpg"]].tolist() == ["211.tiff", "214.tiff"]

    (root / "join.csv").write_text(rows.replace("2.png", "Atypical/2.png"))  # it lies in Normal
    said = r"1 crops .* have no row of their own, the first is Normal/2\.png; .* no crop's calls it 'Atypical/2\.png'\."
    with pytest.raises(MitofmError, match=said):
        reader.table()

    (root / "Normal" / "1.tif").touch()
    with pytest.raises(MitofmError, match=r"Normal/1\.png and Normal/1\.tif of .* would be one sample.*'Normal-1'"):
        reader.table()


@pytest.mark.parametrize("word", ["1.tiff", "/data/crops/1.png", "images/Atypical/1.png", "images/Atypical/1.TIFF"])
def test_a_csv_of_other_folders_or_another_ending_means_the_crop_that_is_called_so(root: Path, word: str) -> None:
    (root / "join.csv").write_text(JOIN.replace("1.png", word))
    reader = source(root, file="join.csv", columns=COLUMNS)
    reader.prepare()
    assert reader.table().set_index("crop")["slide"]["Atypical/1.png"] == "210.tiff"


def test_other_folders_and_endings_are_looked_past_no_further_than_is_certain(root: Path) -> None:
    (root / "Normal" / "1.tif").touch()
    reader = source(root, file="join.csv", columns=COLUMNS)
    rows = JOIN.replace("1.png", "images/Atypical/1.tif")  # the class says more than the ending
    (root / "join.csv").write_text(rows + "Normal/1,213.tiff,skin,5,6\n")
    assert reader.table().set_index("crop")["slide"][["Atypical/1.png", "Normal/1.tif"]].tolist() == [
        "210.tiff",
        "213.tiff",
    ]
    for word, message in (
        ("images/1.jpg", r"row 2: 'images/1\.jpg' may be Atypical/1\.png or Normal/1\.tif of .*Give folder"),
        (
            "1.5",
            r"2 crops .* no row of their own, the first is Atypical/1\.png; .* no crop's calls it '1\.5'\. Complete",
        ),
    ):
        (root / "join.csv").write_text(JOIN.replace("1.png", word))
        with pytest.raises(MitofmError, match=message):
            reader.table()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("slide", "case"), r"join\.csv lacks the column\(s\) slide"),
        (("3.png", "1"), r"join\.csv: row 4: it describes Atypical/1\.png, which an earlier row describes too"),
        (("211.tiff", ""), r"join\.csv: row 4: slide is empty"),
        ((",1,2", ",one,2"), r"crop Atypical/3\.PNG: x is 'one': it must be a number"),
        ((JOIN, ""), r"join\.csv is empty \(0 bytes\)"),
    ],
)
def test_a_broken_csv_is_one_clear_message(root: Path, change: tuple[str, str], message: str) -> None:
    (root / "join.csv").write_text(JOIN.replace(*change))
    with pytest.raises(MitofmError, match=message):
        source(root, file="join.csv", columns=COLUMNS).table()


def test_what_is_missing_is_named_with_the_way_out(root: Path) -> None:
    with pytest.raises(MitofmError, match=r"'mine' is not here: .*Typical holds no images.*MITOFM_DATA"):
        source(root, negative=["Typical"]).files()
    with pytest.raises(MitofmError, match=r"no domain is known of Atypical/1\.png and 3 other"):
        source(root, domains=[]).table()
    with pytest.raises(MitofmError, match=r"source\.columns must name the columns of join\.csv for crop and slide"):
        source(root, file="join.csv")
    with pytest.raises(MitofmError, match="unknown column 'case'"):
        source(root, columns={"case": "slide"})


@pytest.mark.parametrize(
    "layout",
    [
        {"Atypical": "Atypical", "Normal": "Normal", "join.csv": "join.csv"},
        {"Atypical": "atypical", "Normal": "NORMAL", "join.csv": "Join.CSV"},
        {"Atypical": "patches/atypical", "Normal": "patches/normal", "join.csv": "join.csv"},
        {"Atypical": "Mi-Ne/Atypical", "Normal": "Mi-Ne/Normal", "join.csv": "join.csv"},
        {"Atypical": "mi_ne/patches/Atypical", "Normal": "mi_ne/patches/Normal", "join.csv": "mi_ne/join.csv"},
    ],
)
def test_samples_and_what_is_known_of_them_are_the_same_wherever_the_authors_put_the_folders(
    root: Path, tmp_path_factory: pytest.TempPathFactory, layout: dict[str, str]
) -> None:
    place = tmp_path_factory.mktemp("clone")
    for one, other in layout.items():
        (place / other).parent.mkdir(parents=True, exist_ok=True)
        (root / one).rename(place / other)
    for decoy in ("AtNorM/Atypical", "AtNorM/Normal", "__MACOSX"):
        (place / decoy).mkdir(parents=True)
        (place / decoy / "9.png").touch()
    reader = source(place, name="mi_ne", file=["older.csv", "join.csv"], columns=COLUMNS)
    reader.prepare()
    table = reader.table()
    assert table["sample_id"].tolist() == ["Atypical-1", "Atypical-3", "Normal-10", "Normal-2"]
    assert table["slide"].tolist() == ["210.tiff", "211.tiff", "212.tiff", "210.tiff"]
    assert all((reader.root / crop).is_file() for crop in table["crop"])
    assert all(path.is_file() for path in reader.files())


def test_what_systems_leave_is_passed_over_and_folders_below_a_class_are_slides(root: Path) -> None:
    for name in (
        "._1.png",
        ".hidden/1.png",
        "__MACOSX/2.png",
        "Thumbs.db",
        "slideA/1.png",
        "slideA/2.png",
        "b/c/1.png",
    ):
        (root / "Atypical" / name).parent.mkdir(exist_ok=True, parents=True)
        (root / "Atypical" / name).touch()
    table = source(root).table().set_index("sample_id")
    assert table["slide"].filter(like="Atypical").to_dict() == {
        "Atypical-1": "Atypical-1",
        "Atypical-3": "Atypical-3",
        "Atypical-b-c-1": "b-c",
        "Atypical-slideA-1": "slideA",
        "Atypical-slideA-2": "slideA",
    }
    named = source(root, negative=["Normal"], slide_pattern=r"^(\d)").table().set_index("sample_id")
    assert named.loc[["Atypical-slideA-2", "Normal-10"], "slide"].tolist() == ["2", "1"]
    with pytest.raises(MitofmError, match=r"slide_pattern '\(x\)' finds no slide in Atypical/1\.png \(7 such\)"):
        source(root, slide_pattern="(x)").table()
    for wrong in ("[", "x"):
        with pytest.raises(MitofmError, match=r"source\.slide_pattern"):
            source(root, slide_pattern=wrong).table()


def test_votes_and_patients_come_from_the_csv_or_from_one_of_votes_alone(root: Path) -> None:
    votes = "Filename,E1,E2,E3\n1.png,Atypical,Atypical,\n2.png,normal,Atypical,Normal\n3.png,Atypical,,\n10.jpg,Normal,,Normal\n"
    (root / "votes.csv").write_text(votes)
    wanted = {"Atypical-1": (2, 2), "Atypical-3": (1, 1), "Normal-10": (0, 2), "Normal-2": (1, 3)}
    columns = {"crop": "Filename", "votes": ["E1", "E2", "E3"]}
    beside = source(
        root,
        file="join.csv",
        columns=COLUMNS | {"patient": "tumor_type"},
        votes_file={"file": "VOTES.csv", "crop": "Filename", "votes": ["E1", "E2", "E3"]},
    )
    for reader in (source(root, file="votes.csv", columns=columns), beside):
        table = reader.table().set_index("sample_id")
        assert dict(zip(table.index, zip(table["votes_positive"], table["votes"], strict=True), strict=True)) == wanted
    assert table["patient"].tolist() == ["lung", "skin", "skin", "lung"]
    assert (root / "votes.csv") in beside.files()
    assert source(root, file="votes.csv", columns=columns).table()["slide"].str.contains("-").all()  # no slide is known

    (root / "votes.csv").write_text(votes.replace("Atypical,,", ",,"))
    with pytest.raises(MitofmError, match=r"votes\.csv: row 4: no expert voted"):
        beside.table()
    (root / "votes.csv").unlink()
    assert "votes" not in beside.table()
    with pytest.raises(MitofmError, match=r"join\.csv lacks the column\(s\) of votes E1"):
        source(root, file="join.csv", columns=COLUMNS | {"votes": ["E1"]}).table()
    with pytest.raises(MitofmError, match=r"votes_file needs file, crop and votes"):
        source(root, votes_file={"file": "x.csv"})


def test_a_csv_that_is_not_there_is_said_with_where_it_is_published(root: Path) -> None:
    reader = source(root, file=["A.csv", "B.csv"], columns=COLUMNS, file_url="https://example.org/A")
    with pytest.raises(MitofmError) as raised:
        reader.table()
    for words in (
        "A.csv does not exist (nor B.csv)",
        "join.csv",
        "published at https://example.org/A",
        "source.file=null",
    ):
        assert words in str(raised.value)


def test_words_of_the_csv_are_spelled_as_the_config_has_them_and_decimal_commas_are_read(root: Path) -> None:
    (root / "join.csv").write_text(JOIN.replace(",", ";").replace("15;55", "15,5;55"))
    table = source(root, file="join.csv", columns=COLUMNS, spelling={"lung": "lung cancer"}).table()
    assert table["domain"].tolist() == ["lung cancer", "skin", "skin", "lung cancer"]
    assert table["x"].tolist() == [15.5, 1, 3, 24]


def test_the_real_join_gives_atnorm_md_its_slides(real_data: Path, tmp_path: Path) -> None:
    join = pd.read_csv(real_data / "ami" / "atnorm_md_join.csv")
    for row in join.itertuples():
        folder = tmp_path / row.majority
        folder.mkdir(exist_ok=True)
        (folder / row.atnorm_md_file).touch()
    columns = {
        "crop": "atnorm_md_file",
        "slide": "slide",
        "domain": "tumor_type",
        "scanner": "scanner",
        "x": "x",
        "y": "y",
    }
    reader = source(tmp_path, file=str(real_data / "ami" / "atnorm_md_join.csv"), columns=columns, domains=[])
    reader.prepare()
    table = reader.table()
    assert (len(table), int(table["label"].sum()), table["slide"].nunique()) == (2107, 219, 60)
    assert table["domain"].nunique() == 6
