"""No sample of the shipped joined cards is on two sides of an external split: by name, by position or by pixels.

On the real crops of AMi-Br and AtNorM-MD, where they are, laid out as their authors do, beside a table and crops of the
structure of MIDOG 2025's that hold the same samples.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mitofm.data.annotations import units
from mitofm.data.splits.external import External
from mitofm.data.splits.make import make
from mitofm.ground.errors import Infeasible

from .test_cards_of_crops import MIDOG25_NAME, dataset

_MIDOG25 = ("midog2025_atypical", MIDOG25_NAME, "MIDOG25_Binary_Classification_Train_Set")


@pytest.fixture(scope="module")
def layout(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the four sets, made of the real crops whose slide is known, and of noise for AtNorM-Br."""
    published = real_data / "published" / "AMI-BR.csv"
    if not published.is_file():
        pytest.skip(f"{published} does not exist")
    root = tmp_path_factory.mktemp("joined")
    crops = (
        pd.read_csv(real_data / "ami" / "annotations.csv")
        .iloc[::3]
        .assign(path=lambda t: real_data / "ami" / t["patch"])
    )
    stems = crops["patch"].str.extract(r"/(?P<set>\w+)_(?P<slide>\d+)_(?P<number>\d+)\.png")
    names = stems["set"].map({"midog21": "MIDOG21", "tupac16": "TUPAC16"}) + "_" + stems["number"]
    ami, md = crops["dataset"].str.startswith("AMi-Br"), crops["dataset"] == "AtNorM-MD"
    word = crops["label"].map({1: "Atypical", 0: "Normal"})
    _copy(crops["path"][ami], root / "AMi-Br" / "patches", word[ami].str.lower() + "/" + names[ami] + ".png")
    shutil.copy(published, root / "AMi-Br")
    files = [f"{number}.png" for number in range(md.sum())]
    _copy(crops["path"][md], root / "AtNorM-MD", word[md] + "/" + files)
    for label, name in enumerate(("Normal", "Atypical")):
        for number in range(20):
            folder = root / "AtNorM-Br" / name
            folder.mkdir(parents=True, exist_ok=True)
            noise = np.random.default_rng(number // 2 + 100 * label).integers(1, 255, (128, 128, 3), dtype=np.uint8)
            Image.fromarray(noise).save(folder / f"{number}.png")
    shared = crops[(crops["dataset"] == "AMi-Br/MIDOG21") | md].reset_index(drop=True)
    known = stems[(crops["dataset"] == "AMi-Br/MIDOG21") | md].reset_index(drop=True)
    table = pd.DataFrame({"image_id": [f"{i}.png" for i in range(len(shared))], "filename": known["slide"] + ".tiff",
                          "coordinateX": shared["x"], "coordinateY": shared["y"], "Tumor": shared["tumor_domain"],
                          "Scanner": "Hamammatsu XR", "Origin": "A", "Species": "Human", "expert1": "NMF", "expert2": "NMF",
                          "expert3": "", "majority": shared["label"].map({1: "AMF", 0: "NMF"})})  # fmt: skip
    folder = root / _MIDOG25[0]
    _copy(shared["path"], folder / _MIDOG25[2], table["image_id"])
    for name in table["image_id"][: len(table) // 4]:  # as if they had been cut a pixel to the side: no equal pixels
        pixels = np.asarray(Image.open(folder / _MIDOG25[2] / name).convert("RGB"))
        Image.fromarray(np.roll(pixels, 1, axis=1)).save(folder / _MIDOG25[2] / name)
    table.to_csv(folder / _MIDOG25[1], index=False)
    return root


def _copy(crops: pd.Series, folder: Path, names: pd.Series) -> None:
    for crop, name in zip(crops, names, strict=True):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(crop, folder / name)


def _ways(table: pd.DataFrame) -> Iterator[External]:
    """Every data set trained on alone, and tested on each other one and on all of them."""
    sets = sorted(table["dataset"].unique())
    for name in sets:
        others = [other for other in sets if other != name]
        for tested in [*([other] for other in others), others]:
            yield External(name="external", train_on=name, test_on=tested)


@pytest.mark.parametrize("card", ["atypical_2025", "ami_benchmark"])
def test_no_sample_is_on_two_sides_of_an_external_split(layout: Path, card: str) -> None:
    if card == "ami_benchmark":
        shutil.copy(layout / "AMi-Br" / "AMI-BR.csv", layout)
    data = dataset(card, layout, root=str(layout))
    table = data.table()
    shared = set(data.curated.remarks["what"])
    assert ("shared" in shared) == (card == "atypical_2025")
    assert "twin" in shared
    pixels = pd.Series([Image.open(layout / crop).convert("RGB").tobytes() for crop in table["crop"]])
    spots = table["slide"] + table["x"].astype(str) + " " + table["y"].astype(str)
    split_ways = 0
    for strategy in _ways(table):
        try:
            split = make(strategy, table, 1.0, 0)
        except Infeasible:
            continue
        split_ways += 1
        used = (split.frame["part"] != "unused").to_numpy()
        for same in (pixels, spots, units(table)):
            assert split.frame["part"][used].groupby(same[used].to_numpy()).nunique().eq(1).all()
        assert (split.frame["part"] == "test").sum() > 0
    assert split_ways > 2
