"""The shipped configs of pre-cut crops over folders as their authors lay them out."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from omegaconf import OmegaConf

from mitofm.data.card import compare_counts
from mitofm.data.dataset import Dataset
from mitofm.ground.config import conf_dir
from mitofm.ground.errors import MitofmError

from .test_sources_crops_csv import touch

AMI_BR = """,slide,dataset,uid,x,y,expert1_label,expert2_label,expert1_atypical,expert2_atypical,expert3_atypical,majority_atypical
0,002.tiff,MIDOG21,6,44,21,NMF,NMF,False,True,False,False
1,002.tiff,MIDOG21,7,18,15,AMF,AMF,True,True,True,True
2,01.tif,TUPAC16,7,5,5,NMF,AMF,True,True,False,True
"""
VOTES = (
    "Filename,Expert_1,Expert_2,Expert_3,Expert_4,Expert_5,Majority\n1.png,Normal,Normal,Normal,Atypical,Normal,Normal\n2.png"
    + (",Atypical" * 6 + "\n")
)
MIDOG25 = """image_id,filename,coordinateX,coordinateY,Tumor,Scanner,Origin,Species,expert1,expert2,expert3,majority
1.png,201.tiff,15,25,canine lung cancer,3D Histech,X,Canine,NMF,NMF,,NMF
2.png,352.tiff,35,45,human neuroendocrine tumor,Hamammatsu XR,Y,Human,AMF,NMF,AMF,AMF
"""
MIDOG25_NAME = "MIDOG25_Atypical_Classification_Train_Set.csv"


def benchmark(clone: Path, folders: tuple[str, str, str]) -> None:
    """AMi-Br, AtNorM-Br and AtNorM-MD."""
    ami, br, md = folders
    touch(clone, f"{ami}/Atypical/MIDOG21_7.png", f"{ami}/Atypical/TUPAC16_7.png", f"{ami}/Normal/MIDOG21_6.png")
    touch(clone, f"{br}/Atypical/1.png", f"{br}/Normal/2.png", f"{md}/Atypical/2.png", f"{md}/Normal/1.png")
    touch(clone, f"{ami}/.DS_Store", "README.md", "amibr_train_split.csv")


def dataset(name: str, data: Path, **source: str) -> Dataset:
    """As a user types `data=NAME data.source.KEY=VALUE`, with the folders of data sets in `data`."""
    shipped = OmegaConf.load(conf_dir() / "data" / f"{name}.yaml")
    composed = OmegaConf.merge({"paths": {"data": str(data)}, "data": shipped}, {"data": {"source": source}})
    return Dataset(OmegaConf.to_container(composed, resolve=True)["data"], data / "cache")  # type: ignore[call-overload,index]


@pytest.mark.parametrize("layout", ["", "patches/"])
def test_ami_br_as_its_repository_lays_it_out(tmp_path: Path, layout: str) -> None:
    root = tmp_path / "clone"
    touch(root, *(f"{layout}{crop}.png" for crop in ("atypical/MIDOG21_7", "atypical/TUPAC16_7", "normal/MIDOG21_6")))
    (root / "AMI-BR.csv").write_text(AMI_BR)
    data = dataset("ami_br", tmp_path, root=str(root))
    data.source.prepare()
    table = data.source.table()
    assert table["sample_id"].tolist() == ["Atypical-MIDOG21_7", "Atypical-TUPAC16_7", "Normal-MIDOG21_6"]
    assert table["slide"].tolist() == ["MIDOG21_002.tiff", "TUPAC16_01.tif", "MIDOG21_002.tiff"]
    assert table[["votes_positive", "votes"]].to_numpy().tolist() == [[3, 3], [2, 3], [1, 3]]


@pytest.mark.parametrize(
    ("folders", "file"),
    [
        (("AMi-Br", "AtNorM-Br", "AtNorM-MD"), "AMI-BR.csv"),
        (("AMi-Br", "AtNorM-Br", "AtNorM-MD"), "../ami_br/AMI-BR.csv"),
        (("ami_br", "atnorm_br", "atnorm_md"), "ami_br/Ami-Br.csv"),
    ],
)
def test_the_benchmark_in_one_folder(tmp_path: Path, folders: tuple[str, str, str], file: str) -> None:
    clone = tmp_path / "clone"
    benchmark(clone, folders)
    (clone / file).parent.mkdir(exist_ok=True)
    (clone / file).write_text(AMI_BR)
    (clone / "AtNorM-MD_expert_votes.csv").write_text(VOTES)
    data = dataset("ami_benchmark", tmp_path, root=str(clone))
    data.source.prepare()
    table = data.source.table()
    assert table.groupby("dataset")["label"].sum().to_dict() == {"ami_br": 2, "atnorm_br": 1, "atnorm_md": 1}
    assert set(table.loc[table["dataset"] == "ami_br", "slide"]) == {"0/MIDOG21_002.tiff", "0/TUPAC16_01.tif"}
    assert all((data.source.root / crop).is_file() for crop in table["crop"])
    for name, folder in zip(("atnorm_br", "atnorm_md"), folders[1:], strict=True):
        for root in (clone, clone / folder):
            alone = dataset(name, tmp_path, root=str(root))
            alone.source.prepare()
            assert alone.source.table()["label"].tolist() == [1, 0]
            assert ("votes" in alone.source.table()) == (name == "atnorm_md")


def test_without_the_csv_of_ami_br_the_benchmark_says_where_it_is(tmp_path: Path) -> None:
    benchmark(tmp_path / "clone", ("AMi-Br", "AtNorM-Br", "AtNorM-MD"))
    with pytest.raises(MitofmError, match=r"AMI-BR\.csv does not exist.*github\.com/DeepMicroscopy/AMi-Br.*file=null"):
        dataset("ami_benchmark", tmp_path, root=str(tmp_path / "clone")).source.table()


def test_midog_2025_by_its_crops_and_in_the_images_of_midogpp(tmp_path: Path) -> None:
    root = tmp_path / "midog2025_atypical"
    touch(root, *(f"MIDOG25_Binary_Classification_Train_Set/{number}.png" for number in (1, 2, 3)))
    touch(tmp_path, "midogpp/201.tiff", "midogpp/352.tiff")
    (root / MIDOG25_NAME).write_text(MIDOG25)
    crops = dataset("midog2025_atypical_crops", tmp_path)
    points = dataset("midog2025_atypical", tmp_path)
    for data in (crops, points):
        data.source.prepare()
        table = data.source.table()
        assert table["domain"].tolist() == ["canine lung cancer", "human neuroendocrine tumor"]
        assert table[["species", "scanner"]].to_numpy().tolist() == [
            ["canine", "3D Histech"],
            ["human", "Hamamatsu XR"],
        ]
        assert table[["label", "votes_positive", "votes"]].to_numpy().tolist() == [[0, 0, 2], [1, 2, 3]]
        assert table["dataset"].eq("midog2025_atypical").all()
    assert points.source.table()["image"].tolist() == ["201.tiff", "352.tiff"]
    both = [data.source.table().groupby("domain")[["slide", "x", "y"]].first() for data in (crops, points)]
    pd.testing.assert_frame_equal(*both)
    assert crops.card.counts == points.card.counts
    assert sum(known["positive"] for known in crops.card.counts.values()) == 1748
    assert sum(known["negative"] for known in crops.card.counts.values()) == 10_189


def test_omg_octo_atypical_by_its_table(tmp_path: Path) -> None:
    root = tmp_path / "omg_octo_atypical"
    touch(root, "images/2f17_x1_y2.png", "images/2f17_x3_y2.png", "images/3a_1_x5.png")
    rows = "2f17_x1_y2.png,AMF\n2f17_x3_y2.png,MF\n3a_1_x5.png,AMF\n3a_1_x5.png,AMF\n2f17_x9_y9.png,look-alike\n"
    (root / "OMG-Octo_any-name.csv").write_text("image_file,label\n" + rows)
    table = dataset("omg_octo_atypical", tmp_path).source.table()
    assert table["slide"].tolist() == ["2f17", "2f17", "3a", "3a"]
    assert table["label"].tolist() == [1, 0, 1, 1]


def test_the_published_list_of_ami_br_gives_the_counts_of_the_card(real_data: Path, tmp_path: Path) -> None:
    if not (published := real_data / "published" / "AMI-BR.csv").is_file():
        pytest.skip(f"{published} does not exist")
    listed = pd.read_csv(published)
    folders = listed["majority_atypical"].map({True: "atypical", False: "normal"})
    touch(tmp_path, *("patches/" + folders + "/" + listed["dataset"] + "_" + listed["uid"].astype(str) + ".png"))
    data = dataset("ami_br", tmp_path, root=str(tmp_path), file=str(published))
    table = data.source.table()
    assert compare_counts(data.card, table.assign(image=table["slide"])) == []
    assert (len(table), table["slide"].nunique()) == (3720, 202)
    assert ((table["votes_positive"] >= 2) == table["label"]).all()


def test_the_published_votes_of_atnorm_md_are_read(real_data: Path, tmp_path: Path) -> None:
    if not (published := real_data / "published" / "AtNorM-MD_expert_votes.csv").is_file():
        pytest.skip(f"{published} does not exist")
    listed = pd.read_csv(published)
    touch(tmp_path, *("AtNorM-MD/" + listed["Majority"] + "/" + listed["Filename"]))
    (tmp_path / published.name).symlink_to(published)
    data = dataset("atnorm_md", tmp_path, root=str(tmp_path))
    data.source.prepare()
    table = data.source.table()
    assert compare_counts(data.card, table) == []
    assert table["votes"].eq(5).all()
    assert ((table["votes_positive"] >= 3) == table["label"]).all()
