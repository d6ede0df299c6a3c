from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mitofm.data.annotations import fingerprint
from mitofm.data.sources.patches import Patches
from mitofm.data.sources.synthetic import Synthetic
from mitofm.ground.errors import MitofmError


def write(root: Path, **columns: object) -> Patches:
    (root / "patches").mkdir(parents=True)
    names = ["b", "a", "c"]
    rows = {
        "patch": [f"patches/{name}.png" for name in names],
        "label": [0, 1, 0],
        "slide": "s1",
        "tumor_domain": "lymphoma",
        "x": [10, 20, 30],
        "y": [11, 21, 31],
        "score": 0.5,
    }
    pd.DataFrame(rows | columns).to_csv(root / "annotations.csv", index=False)
    for name in names:
        Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(root / "patches" / f"{name}.png")
    return Patches(root, "mine")


def test_crops_become_the_table(tmp_path: Path) -> None:
    source = write(tmp_path / "mine", scanner="A")
    source.prepare()
    table = source.table()
    assert table["sample_id"].tolist() == ["a", "b", "c"]
    assert table["crop"].tolist() == ["patches/a.png", "patches/b.png", "patches/c.png"]
    assert table["dataset"].eq("mine").all()
    assert table["image"].equals(table["slide"])
    assert table[["x", "y", "label"]].iloc[0].tolist() == [20, 21, 1]
    assert "score" not in table


def test_a_frame_is_the_image_and_names_that_look_missing_are_names(tmp_path: Path) -> None:
    table = write(tmp_path / "mine", frame=["NA", "f2", "f3"], tumor_domain="None").table()
    assert table["image"].tolist() == ["f2", "NA", "f3"]
    assert table["domain"].eq("None").all()


def test_padded_crops_are_left_out_unless_asked_for(tmp_path: Path) -> None:
    source = write(tmp_path / "mine", padded=[0, 1, 0])
    assert source.table()["sample_id"].tolist() == ["b", "c"]
    assert source.table().index.tolist() == [0, 1]
    assert len(Patches(source.root, "mine", include_padded=True).table()) == 3


def test_files_of_one_name_in_several_folders_are_several_samples_all_called_by_their_paths(tmp_path: Path) -> None:
    source = write(tmp_path / "mine", patch=["p/a.png", "q/a.png", "p/b.png"], padded=[0, 1, 0])
    assert source.table()["sample_id"].tolist() == ["p-a", "p-b"]  # the padded one counts for the names
    assert Patches(source.root, "mine", include_padded=True).table()["sample_id"].tolist() == ["p-a", "p-b", "q-a"]


def test_votes_of_experts_and_patients_are_read(tmp_path: Path) -> None:
    table = write(tmp_path / "mine", votes_atypical=[0, 2, 1], votes=[3, 3, 5], patient=["P", "Q", "Q"]).table()
    assert table[["votes_positive", "votes", "patient"]].to_numpy().tolist() == [[2, 3, "Q"], [0, 3, "P"], [1, 5, "Q"]]
    assert "votes" not in write(tmp_path / "other", votes=3).table()


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"label": [0, 1, 2]}, r"annotations\.csv: row 4: label is 2"),
        ({"padded": [0, 1, 2]}, r"annotations\.csv: row 4: padded is '2'"),
        ({"slide": ["s", None, "s"]}, "row 3: slide is empty"),
        ({"patch": ["../a.png", "b.png", "c.png"]}, "row 2: crop is '../a.png'"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, columns: dict[str, object], message: str) -> None:
    with pytest.raises(MitofmError, match=message):
        write(tmp_path / "mine", **columns).table()


def test_a_missing_folder_column_or_crop_is_named_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(MitofmError, match=r"'mine' is not here: .*annotations\.csv does not exist.*MITOFM_DATA"):
        Patches(tmp_path / "nowhere", "mine").files()
    source = write(tmp_path / "mine")
    (source.root / "patches" / "c.png").unlink()
    with pytest.raises(MitofmError, match=r"1 of 3 image files are missing in .*: patches/c\.png"):
        source.prepare()
    table = pd.read_csv(source.root / "annotations.csv").drop(columns="slide")
    table.to_csv(source.root / "annotations.csv", index=False)
    with pytest.raises(MitofmError, match=r"annotations\.csv lacks the column\(s\) slide; it has: patch"):
        source.table()


def test_an_empty_file_is_named(tmp_path: Path) -> None:
    source = write(tmp_path / "mine")
    (source.root / "annotations.csv").write_bytes(b"")
    with pytest.raises(MitofmError, match=r"annotations\.csv is empty \(0 bytes\)"):
        source.table()


def test_synthetic_tissue_is_rendered_on_demand(tmp_path: Path) -> None:
    source = Synthetic(tmp_path, "synthetic", domains=["canine lymphoma"], slides_per_domain=1, cells_per_slide=4)
    with pytest.raises(MitofmError, match="has not been rendered"):
        source.files()
    source.prepare()
    table = source.table()
    assert len(table) == 4
    assert table["dataset"].eq("synthetic").all()
    assert all((source.root / image).is_file() for image in table["image"])


def test_settings_that_differ_do_not_share_a_folder(tmp_path: Path) -> None:
    one, two = (Synthetic(tmp_path, "s", domains=["canine lymphoma"], seed=seed) for seed in (0, 1))
    assert one.root != two.root


@pytest.mark.parametrize(
    ("name", "samples", "slides", "of_0_1"),
    [
        ("ami", 2005, 102, "3708b92d5e52fadfb8759f23ca4b8b2e1837862e16d730967083266b22569c49"),
        ("mf", 1237, 8, "702723d757622668fc9b1617b48f9a363113adffd568df947f4a7ff7f6b084cd"),
        ("mf_multi", 1608, 102, "08b6e23da3d9703064927d7773d8732b012d04b4298e5e4ee996ceb020b651ed"),
    ],
)
def test_the_real_crops_become_the_tables_of_0_1(
    real_data: Path, name: str, samples: int, slides: int, of_0_1: str
) -> None:
    source = Patches(real_data / name, name)
    source.prepare()
    table = source.table()
    assert (len(table), table["slide"].nunique()) == (samples, slides)
    assert {"species", "scanner", "crop"} <= set(table)
    assert fingerprint(table) == of_0_1
    assert ("votes" in table) == (name == "ami")
