"""The page of a counted slide, as a browser shows it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image

from mitofm.counting.outputs import write_picture
from mitofm.data.proposals.tissue import shrink
from mitofm.reporting.count_page import write_count_page

from .browser import BROWSER, browse

STEP, MPP = 32, 0.25
WORDS = {"0": "look-alike", "1": "mitotic figure"}
ORIGIN = {"cell": "ami-nano", "threshold": 0.5}
ROW: dict[str, Any] = {
    "image": "a <b>.tif", "mpp": MPP, "tissue_mm2": 0.2, "positions_scored": 1234, "mitotic_figures": 30, "per_mm2": 150.0,
    "per_mm2_low": 101.2, "per_mm2_high": 214.1, "interval": "over 8 fields", "hotspot_count": 12, "hotspot_low": 6.2,
    "hotspot_high": 21.0, "hotspot_left": 300.0, "hotspot_top": 200.0, "hotspot_width": 800.0, "hotspot_height": 600.0,
    "notes": "its tissue is less than the hotspot's 2 mm²",
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A slide's folder as a count leaves it, and the slide."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(150, 230, (1500, 2000, 3), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", tile=(256, 256))
    write_picture(tmp_path, shrink(pixels, STEP))
    places = rng.uniform(0, 1400, (30, 2))
    inside = (places >= (300, 200)).all(axis=1) & (places <= (1100, 800)).all(axis=1)
    table = pd.DataFrame(
        {"x": places[:, 0], "y": places[:, 1], "probability": 0.9, "predicted": 1, "in_hotspot": inside}
    )
    table.to_parquet(tmp_path / "detections.parquet")
    return tmp_path


def test_it_holds_its_pictures_and_escapes_names(folder: Path) -> None:
    text = write_count_page(folder, folder / "a.tif", ROW, STEP, WORDS, ORIGIN).read_text()
    inside = int(pd.read_parquet(folder / "detections.parquet")["in_hotspot"].sum())
    assert "a &lt;b&gt;.tif" in text
    assert "Not for diagnosis" in text
    assert text.count("data:image/jpeg") == 3 + inside
    assert text.count("<circle") == 30 + inside
    assert text.count("<rect") == 2
    assert not re.search(r'(src|href)="(?!data:)', text)
    assert write_count_page(folder, folder / "a.tif", ROW, STEP, WORDS, ORIGIN).read_text() == text


def test_a_small_image_is_shown_itself_and_a_large_one_by_its_small_picture(folder: Path) -> None:
    text = write_count_page(folder, folder / "a.tif", ROW, STEP, WORDS, ORIGIN).read_text()
    sizes = [tuple(map(int, one)) for one in re.findall(r'viewBox="0 0 (\d+) (\d+)"', text)]
    assert sizes[:2] == [(1100, 825)] * 2
    slide = np.zeros((47, 157, 3), dtype=np.uint8)  # of 5,024 px
    write_picture(folder, slide)
    text = write_count_page(folder, folder / "a.tif", ROW, STEP, WORDS, ORIGIN).read_text()
    assert [tuple(map(int, one)) for one in re.findall(r'viewBox="0 0 (\d+) (\d+)"', text)][:2] == [(157, 47)] * 2


def test_without_figures_or_tissue_it_says_so(folder: Path) -> None:
    pd.read_parquet(folder / "detections.parquet").head(0).to_parquet(folder / "detections.parquet")
    nothing = {key: None for key in ROW if key.startswith(("hotspot", "per_mm2", "mitotic", "interval"))}
    row = ROW | nothing | {"tissue_mm2": 0.0, "positions_scored": 0, "notes": "no tissue was found"}
    text = write_count_page(folder, folder / "a.tif", row, STEP, WORDS, ORIGIN).read_text()
    assert "no tissue was found" in text
    assert text.count("<figure>") == 1
    assert "<rect" not in text


@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_shows_it_without_a_word(folder: Path, width: int) -> None:
    page = write_count_page(folder, folder / "a.tif", ROW, STEP, WORDS, ORIGIN)
    picture = folder / f"{width}.png"
    said = browse(page, "", f"--screenshot={picture}", f"--window-size={width},1600")[1]
    assert said == ""
    with Image.open(picture) as image:
        assert image.width >= width
        assert len(image.convert("L").getcolors()) > 20
