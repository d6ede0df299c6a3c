"""From published formats to patches: samples at known places, each crop's centre pixel checked, borders and resampling."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from mitofm.data.patches import PatchStore, ensure
from mitofm.data.sources.base import Source
from mitofm.data.sources.coco import Coco
from mitofm.data.sources.slide_runner import SlideRunner
from mitofm.ground.fingerprints import Remembered

from .images.regions import colour, dotted, field, jpeg_tiff, svs

WIDTH, HEIGHT = 900, 700
# Corners, borders, tile edges, the middle: x, y in px of level 0.
CELLS = np.array(
    [(0, 0), (899, 0), (0, 699), (899, 699), (450, 0), (899, 350), (255, 255), (256, 300), (512, 240), (480, 481)]
    + [(x, y) for x in range(100, 900, 160) for y in range(90, 700, 130)]
)


def centre_pixels(store: PatchStore) -> np.ndarray:
    """The mean of the 3 x 3 px in the middle of every patch: (n, 3)."""
    middle = store.patches.shape[1] // 2
    return store.patches[:, middle - 1 : middle + 2, middle - 1 : middle + 2].mean(axis=(1, 2))


def check(store: PatchStore, samples: np.ndarray, resampled: bool = False) -> None:
    """Every patch shows the colour of its own sample in the middle, and its borders are the reflected image, not black."""
    # The sample ids end in the number of the annotation, counted from 1 in the order of the samples.
    numbers = store.table["sample_id"].str.rsplit("-", n=1).str[1].astype(int).to_numpy() - 1
    np.testing.assert_array_equal(store.table[["x", "y"]], samples[numbers])
    expected = np.array([colour(i) for i in numbers])
    off = np.abs(centre_pixels(store) - expected).max(axis=1)
    assert off.max() < 20, f"samples {numbers[off >= 20]} do not show their colour"
    assert store.patches.max(axis=-1).min() > 20, "the field has no black, so no patch may have it"
    if not resampled:
        corner = store.patches[list(numbers).index(0)]  # around (0, 0): symmetric about its centre
        np.testing.assert_array_equal(corner[1:32], corner[:32:-1])
        np.testing.assert_array_equal(corner[:, 1:32], corner[:, :32:-1])


def built(source: Source, cache: Path, **settings: object) -> PatchStore:
    given = {"crop_px": 48, "margin_px": 8, "mpp": 0.25, "image_mpp": None} | settings
    return ensure(source, name="s", cache=cache, remembered=Remembered(cache / "known"), **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(("mpp", "half"), [(0.25, 5), (0.5, 5), (0.125, 10)])
def test_midog_regions(tmp_path: Path, mpp: float, half: int) -> None:
    """Tiled JPEG TIFF and corner boxes; at 0.25 micrometre per px, and resampled to it from 0.5 and from 0.125."""
    samples = CELLS[::2] if mpp == 0.125 else CELLS  # the larger squares of the finest resolution must not overlap
    for file in ("001.tiff", "002.tiff"):
        jpeg_tiff(tmp_path / file, dotted(field(HEIGHT, WIDTH), samples, half), mpp)
    boxes = [(image, x, y) for image in (1, 2) for x, y in samples.tolist()]
    content = {
        "images": [{"id": i, "file_name": f"00{i}.tiff", "width": WIDTH, "height": HEIGHT} for i in (1, 2)],
        "categories": [{"id": 1, "name": "mitotic figure"}, {"id": 2, "name": "hard negative"}],
        "annotations": [
            {"id": 1 + n, "image_id": image, "category_id": 1 + n % 2, "bbox": [x - 25, y - 25, x + 25, y + 25]}
            for n, (image, x, y) in enumerate(boxes)
        ],
    }
    (tmp_path / "MIDOG.json").write_text(json.dumps(content))
    rules = [{"files": [1, 2], "domain": "human breast cancer"}]
    source = Coco(tmp_path, "m", "MIDOG.json", boxes="corners", positive=[1], negative=[2], domains=rules)
    store = built(source, tmp_path / "cache")
    assert store.patches.shape == (2 * len(samples), 64, 64, 3)
    first = store.table["image"] == "001.tiff"
    one = PatchStore(store.path, store.key, store.table[first], store.patches[first], 48, 8)
    check(one, samples, resampled=mpp != 0.25)
    second = store.table[~first]["sample_id"].str.rsplit("-", n=1).str[1].astype(int).to_numpy() - 1 - len(samples)
    off = np.abs(centre_pixels(store)[~first] - np.array([colour(i) for i in second]))
    assert off.max() < 20


def test_a_slide_runner_database_and_its_slides(tmp_path: Path) -> None:
    """SVS-like pyramid through OpenSlide, the resolution from the slide."""
    svs(tmp_path / "a.svs", dotted(field(HEIGHT, WIDTH), CELLS), mpp=0.2520)
    with closing(sqlite3.connect(tmp_path / "cells.sqlite")) as database:
        database.executescript(
            "CREATE TABLE Slides (uid INTEGER PRIMARY KEY, filename TEXT, width INTEGER, height INTEGER);"
            "CREATE TABLE Classes (uid INTEGER PRIMARY KEY, name TEXT, color TEXT);"
            "CREATE TABLE Annotations (uid INTEGER PRIMARY KEY, slide INTEGER, agreedClass INTEGER, deleted INTEGER);"
            "CREATE TABLE Annotations_coordinates (coordinateX INTEGER, coordinateY INTEGER, annoId INTEGER);"
            "INSERT INTO Classes VALUES (1, 'mitotic figure', ''), (2, 'look-alike', '');"
        )
        database.execute("INSERT INTO Slides VALUES (1, 'a.svs', ?, ?)", (WIDTH, HEIGHT))
        for uid, (x, y) in enumerate(CELLS.tolist(), start=1):
            database.execute("INSERT INTO Annotations VALUES (?, 1, ?, 0)", (uid, 1 + uid % 2))
            database.execute("INSERT INTO Annotations_coordinates VALUES (?, ?, ?)", (x, y, uid))
        database.commit()
    source = SlideRunner(tmp_path, "c", "cells.sqlite", positive=[1], negative=[2], domains=[{"domain": "mast"}])
    check(built(source, tmp_path / "cache"), CELLS)


def test_slides_of_one_name_in_folders_of_cases(tmp_path: Path) -> None:
    """TUPAC's layout, as downloaded: each sample is cut from the image of its own case, whose squares are in another order."""
    squares = {"01": CELLS, "02": CELLS[::-1]}
    with closing(sqlite3.connect(tmp_path / "TUPAC.sqlite")) as database:
        database.executescript(
            "CREATE TABLE Slides (uid INTEGER PRIMARY KEY, filename TEXT, width INTEGER, height INTEGER, directory TEXT);"
            "CREATE TABLE Classes (uid INTEGER PRIMARY KEY, name TEXT);"
            "CREATE TABLE Annotations (uid INTEGER PRIMARY KEY, slide INTEGER, type INTEGER, agreedClass INTEGER);"
            "CREATE TABLE Annotations_coordinates (coordinateX INTEGER, coordinateY INTEGER, annoId INTEGER);"
            "INSERT INTO Classes VALUES (1, 'Mitosis');"
        )
        for slide, (case, samples) in enumerate(squares.items()):
            (tmp_path / f"part_{slide}" / case).mkdir(parents=True)
            jpeg_tiff(tmp_path / f"part_{slide}" / case / "01.tif", dotted(field(HEIGHT, WIDTH), samples), 0.25)
            database.execute("INSERT INTO Slides VALUES (?, '01.tif', NULL, NULL, ?)", (slide, case))
            for number, (x, y) in enumerate(samples.tolist()):
                uid = slide * 100 + number
                database.execute("INSERT INTO Annotations VALUES (?, ?, 1, 1)", (uid, slide))
                database.execute("INSERT INTO Annotations_coordinates VALUES (?, ?, ?)", (x, y, uid))
        database.commit()
    source = SlideRunner(tmp_path, "t", "TUPAC.sqlite", positive=[1], negative=[], domains=[{"domain": "breast"}])
    store = built(source, tmp_path / "cache")
    assert store.table["slide"].value_counts().to_dict() == {"01-01": len(CELLS), "02-01": len(CELLS)}
    numbers = store.table["sample_id"].str.rsplit("-", n=1).str[1].astype(int) % 100
    assert np.abs(centre_pixels(store) - np.array([colour(i) for i in numbers])).max() < 20
