"""The files that the authors publish, read by the shipped cards; they lie beside the project and are no part of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from omegaconf import OmegaConf

from mitofm.data.card import compare_counts
from mitofm.data.dataset import Dataset
from mitofm.ground.config import conf_dir
from mitofm.ground.errors import MitofmError

PUBLISHED = Path(__file__).parents[3] / "shared" / "data" / "published"
CASES = PUBLISHED.parents[1] / "cases"
pytestmark = pytest.mark.skipif(not PUBLISHED.is_dir(), reason="the published files are not beside the project")


def dataset(name: str, cache: Path, root: Path = PUBLISHED, **source: Any) -> Dataset:
    """As `data=NAME data.source.root=ROOT` and no further override would give it, but for `source`."""
    config = OmegaConf.create({"paths": {"data": "data"}, "data": OmegaConf.load(conf_dir() / "data" / f"{name}.yaml")})
    config.data.source = OmegaConf.merge(config.data.source, {"root": str(root), **source})
    return Dataset(OmegaConf.to_container(config, resolve=True)["data"], cache)  # type: ignore[call-overload,index]


@pytest.mark.parametrize(
    ("name", "samples", "slides", "votes"),
    [
        ("tupac16_alternative", 12482, 73, True),
        ("tupac16", 1552, 587, False),
        ("study_midog2022", 20552, 354, False),
    ],
)
def test_a_card_reads_its_file_by_name_alone(tmp_path: Path, name: str, samples: int, slides: int, votes: bool) -> None:
    data = dataset(name, tmp_path)
    table = data.source.table()
    assert len(table) == samples
    assert table["slide"].nunique() == table["image"].nunique() == slides
    assert compare_counts(data.card, table) == []
    assert ("votes" in table) == votes


@pytest.fixture(scope="module")
def midogpp(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Its table."""
    return dataset("midogpp", tmp_path_factory.mktemp("cache")).source.table()


def test_midogpp_is_read_whole(tmp_path: Path, midogpp: pd.DataFrame) -> None:
    assert (len(midogpp), midogpp["image"].nunique()) == (26286, 503)
    assert compare_counts(dataset("midogpp", tmp_path).card, midogpp) == []


def test_the_two_samples_outside_their_image_stay_where_they_are(midogpp: pd.DataFrame) -> None:
    table = midogpp.set_index("sample_id")
    assert table.loc["305-15363", ["x", "label"]].tolist() == [-2, 1]
    assert table.loc["309-15728", ["y", "label"]].tolist() == [-5, 0]


def test_votes_of_midogpp_make_its_labels(midogpp: pd.DataFrame) -> None:
    assert ((2 * midogpp["votes_positive"] > midogpp["votes"]) == (midogpp["label"] == 1)).all()
    assert midogpp["votes"].value_counts().to_dict() == {2: 17727, 3: 8559}


def test_tumor_zones_are_polygons_and_no_samples(tmp_path: Path) -> None:
    with pytest.raises(MitofmError, match=r"Tumorzone\.sqlite: 6 .* class 2 .*polygons .*; 113 such of 581 in all"):
        dataset("ccmct", tmp_path, file="MITOS_WSI_CCMCT_Tumorzone.sqlite").source.table()


def test_the_table_of_cases_says_what_the_card_says(tmp_path: Path, midogpp: pd.DataFrame) -> None:
    words = {"image": "Slide", "domain": "Tumor", "scanner": "Scanner", "species": "Species"}
    cases = {"file": "datasets_xvalidation.csv", **words}
    spelling = {"Hamammatsu XR": "Hamamatsu XR"}
    by_cases = dataset("midogpp", tmp_path, cases=cases, spelling=spelling, domains=None).source.table()
    assert by_cases.equals(midogpp)


def test_the_cases_are_read_as_they_are(tmp_path: Path) -> None:
    folders = dataset("tupac16", tmp_path, CASES / "tupac_directory", file="TUPAC_cut.sqlite")
    folders.source.prepare()
    table = folders.source.table()
    assert sorted(table["image"].unique()) == [f"0{case}/01.tif" for case in (1, 2, 3, 4)]
    assert sorted(table["slide"].unique()) == [f"0{case}-01" for case in (1, 2, 3, 4)]
    outside = dataset("midogpp", tmp_path, CASES / "midogpp_two_outside")
    outside.source.prepare()
    assert len(outside.source.table()) == 14


def test_the_layout_of_the_authors_clone(tmp_path: Path) -> None:
    (tmp_path / "databases").mkdir()
    (tmp_path / "images").mkdir()
    shutil.copy(CASES / "midogpp_two_outside" / "MIDOG++.json", tmp_path / "databases")
    for image in json.loads((tmp_path / "databases" / "MIDOG++.json").read_text())["images"]:
        (tmp_path / "images" / image["file_name"]).touch()
    data = dataset("midogpp", tmp_path / "cache", tmp_path)
    data.source.prepare()
    assert set(data.source.table()["image"]) == {"images/305.tiff", "images/309.tiff"}
