"""Tables of cases: how images are called in them, and what they say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mitofm.data.sources.cases import Cases
from mitofm.ground.errors import MitofmError


def described(
    path: Path, text: str, files: list[str], before: dict[str, Any] | None = None, **columns: str
) -> pd.DataFrame:
    path.write_text(text)
    cases = Cases("cases.csv", **({"image": "Slide", "domain": "Tumor"} | columns))
    samples = pd.DataFrame(before or {}, index=pd.RangeIndex(len(files), name="annotation"))
    return cases.describe(samples, pd.Series(files, samples.index), path)


@pytest.mark.parametrize(
    ("called", "file"),
    [
        ("1", "001.tiff"),
        ("001", "001.tiff"),
        ("1.0", "001.tiff"),
        ("001.tiff", "001.tiff"),
        ("001.TIFF", "001.tiff"),
        ("S12.3-4", "S12.3-4.svs"),
        ("01/02.tif", "01/02.tif"),
        ("02", "01/02.tif"),
        ("01\\02.tif", "01/02.tif"),
    ],
)
def test_an_image_is_known_by_number_and_by_name(tmp_path: Path, called: str, file: str) -> None:
    assert described(tmp_path / "c.csv", f"Slide,Tumor\n{called},lung\n9,x\n", [file])["domain"].tolist() == ["lung"]


def test_all_that_it_says_and_no_more(tmp_path: Path) -> None:
    text = "Slide,Tumor,Scanner,Species,Patient\n1,lung,XR,Human,p7\n2,,S360,Canine,p8\n"
    before = {"domain": ["a", "b", "c"], "scanner": ["x", "y", "z"]}
    columns = {"scanner": "Scanner", "species": "Species", "patient": "Patient"}
    table = described(tmp_path / "c.csv", text, ["1.tif", "2.tif", "3.tif"], before, **columns)
    assert table["domain"].tolist() == ["lung", "b", "c"]
    assert table["scanner"].tolist() == ["XR", "S360", "z"]
    assert table["species"].tolist()[:2] == ["human", "canine"]
    assert table["patient"].tolist()[:2] == ["p7", "p8"]
    assert table[["species", "patient"]].iloc[2].isna().all()


@pytest.mark.parametrize(
    ("text", "columns", "message"),
    [
        ("Slide,Tumor\n1,lung\n01,breast\n", {}, r"says two things of the image '1'"),
        ("Slide,Tumor\n7,lung\n", {}, r"its column Slide names none of the images .*'7'.*001\.tif"),
        ("Slide,Organ\n1,lung\n", {}, r"lacks the column\(s\) Tumor; it has: Slide, Organ"),
        ("Case,Tumor\n1,lung\n", {}, r"lacks the column\(s\) Slide"),
        ("Slide,Tumor\n1,lung\n", {"domain": None}, r"name a column of cases\.csv for one of: domain, species"),
    ],
)
def test_what_cannot_be_is_named(tmp_path: Path, text: str, columns: dict[str, Any], message: str) -> None:
    with pytest.raises(MitofmError, match=message):
        described(tmp_path / "c.csv", text, ["001.tif"], **columns)


def test_one_image_in_several_equal_rows_is_no_matter(tmp_path: Path) -> None:
    assert described(tmp_path / "c.csv", "Slide,Tumor\n1,lung\n1,lung\n", ["1.tif"])["domain"].tolist() == ["lung"]
