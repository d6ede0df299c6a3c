"""The page of a counted slide: an overview, the density of its mitotic figures, its hotspot and what was counted in it.

One HTML file that holds its pictures and asks nothing of the network. It is made from the slide's files and the slide itself.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from mitofm.counting.outputs import read_picture
from mitofm.counting.words import format_amount, tell_density
from mitofm.data.images.open import open_image
from mitofm.data.images.squares import cut_squares, resize
from mitofm.data.proposals.blocks import Block, CachedTiles
from mitofm.ground import files
from mitofm.reporting.page import make_environment
from mitofm.reporting.wording import name_one

PAGE = "page.html"
_LONGEST = 1100  # px of a picture on the page
_READ_WHOLE = 4 * _LONGEST  # px of an image that is shown itself if its small picture is too small
_CROP_UM, _CROP_PX = 32.0, 96  # of a mitotic figure
_MOST_CROPS, _MOST_MARKS = 120, 5000


class Box(NamedTuple):
    """A rectangle in px of a picture."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True)
class Picture:
    """A picture with marks on it: its data URI and size, points and a rectangle in its px, and what it shows in words."""

    source: str
    width: int
    height: int
    caption: str
    points: Sequence[tuple[float, float]] = ()
    box: Box | None = None


@dataclass(frozen=True)
class Crop:
    """One mitotic figure: its data URI and its probability."""

    source: str
    probability: float


def write_count_page(
    folder: Path, slide: Path, row: Mapping[str, Any], step: int, words: Mapping[str, str], origin: Mapping[str, Any]
) -> Path:
    """Write `page.html` into the folder of a counted slide.

    Args:
        folder: with its detections and its small picture.
        slide: the slide's file.
        row: of the slide in the table.
        step: px of the slide per px of the small picture, which is shown if the slide is large.
        words: for the labels "0" and "1".
        origin: the cell and its threshold.
    """
    small, shrunk = _read_overview(folder, slide, step)
    found = pd.read_parquet(folder / "detections.parquet")
    figures = found[found["predicted"] == 1]
    places = figures[["x", "y"]].to_numpy()
    pictures, crops = [_draw_overview(small, places, row, shrunk)], []
    if len(figures):
        pictures.append(_draw_density(small, places, row, shrunk))
        with open_image(slide) as opened:
            image = CachedTiles(opened)
            inside = figures[figures["in_hotspot"]]
            pictures.append(_draw_hotspot(image, inside[["x", "y"]].to_numpy(), row))
            crops = _cut_crops(image, inside.head(_MOST_CROPS), float(row["mpp"]))
    page = {
        "row": row,
        "words": words,
        "called": name_one(words["1"]),
        "origin": origin,
        "numbers": _list_numbers(row, words["1"]),
        "pictures": pictures,
        "crops": crops,
        "inside": int(row["hotspot_count"] or 0),
    }
    files.write_text(folder / PAGE, make_environment().get_template("count.html.j2").render(page=page))
    return folder / PAGE


def _list_numbers(row: Mapping[str, Any], word: str) -> list[tuple[str, str]]:
    """What the page says in numbers."""
    numbers = [
        ("tissue", f"{format_amount(row['tissue_mm2'])} mm²"),
        ("positions scored", f"{row['positions_scored']:,}"),
    ]
    if row["mitotic_figures"] is None:
        return numbers
    return [
        (f"{word}s in the hotspot", f"{row['hotspot_count']} ({row['hotspot_low']:.1f} to {row['hotspot_high']:.1f})"),
        (f"{word}s in all", f"{row['mitotic_figures']:,}"),
        (
            "density of the whole",
            tell_density(row),
        ),
        *numbers,
    ]


def _read_overview(folder: Path, slide: Path, step: int) -> tuple[np.ndarray, float]:
    """The picture of the whole slide, and the px of the slide per px of it."""
    small = read_picture(folder)
    if step * max(small.shape[:2]) > _READ_WHOLE:
        return small, step
    with open_image(slide) as opened:
        image = CachedTiles(opened)
        pixels, _, _ = Block(0, 0, image.width, image.height).read(image)
    picture, scale = _fit(pixels)
    return picture, 1 / scale


def _draw_overview(small: np.ndarray, places: np.ndarray, row: Mapping[str, Any], step: float) -> Picture:
    picture, scale = _fit(small)
    shown = places[:_MOST_MARKS] / step * scale
    some = f" (the {_MOST_MARKS:,} surest)" if len(places) > _MOST_MARKS else ""
    caption = f"The slide, what was called mitotic{some}, and the hotspot."
    return _mark(picture, caption, shown, _find_box(row, scale / step))


def _draw_density(small: np.ndarray, places: np.ndarray, row: Mapping[str, Any], step: float) -> Picture:
    """How many mitotic figures a window of the hotspot's size holds around each point of the slide."""
    import cv2
    import matplotlib as mpl

    counts = np.zeros(small.shape[:2], np.float32)
    columns, rows = np.minimum((places / step).astype(int), np.array(small.shape[1::-1]) - 1).clip(0).T
    np.add.at(counts, (rows, columns), 1)
    window = [min(max(1, round(row[f"hotspot_{side}"] / step)), 2 * limit) for side, limit in
              zip(("width", "height"), small.shape[1::-1], strict=True)]  # fmt: skip
    density = cv2.boxFilter(counts, -1, window, normalize=False, borderType=cv2.BORDER_CONSTANT).round()
    # Colours take 40 bytes a pixel: only as many as are shown.
    picture, scale = _fit(small)
    grey = np.repeat(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    share = cv2.resize(density, picture.shape[1::-1], interpolation=cv2.INTER_NEAREST) / max(density.max(), 1)
    colours = (255 * mpl.colormaps["inferno"](0.15 + 0.85 * share)[..., :3]).astype(np.uint8)
    weight = 0.75 * (share > 0)[..., None]
    picture = np.rint(weight * colours + (1 - weight) * grey).astype(np.uint8)
    caption = (
        "The density: how many mitotic figures a window of the hotspot's size holds if it is centred there, from "
        f"none (grey) to about {int(density.max()):,} (brightest)."
    )
    return _mark(picture, caption, np.empty((0, 2)), _find_box(row, scale / step))


def _draw_hotspot(image: CachedTiles, places: np.ndarray, row: Mapping[str, Any]) -> Picture:
    """The hotspot, as far as it lies on the slide."""
    left, top = (max(0, int(row[f"hotspot_{side}"])) for side in ("left", "top"))
    right = min(image.width, int(row["hotspot_left"] + row["hotspot_width"]))
    bottom = min(image.height, int(row["hotspot_top"] + row["hotspot_height"]))
    pixels, left, top = Block(left, top, max(1, right - left), max(1, bottom - top)).read(image)
    picture, scale = _fit(pixels)
    caption = "The hotspot, with the mitotic figures that were counted."
    return _mark(picture, caption, (places - (left, top)) * scale, None)


def _cut_crops(image: CachedTiles, figures: pd.DataFrame, mpp: float) -> list[Crop]:
    side = max(2, round(_CROP_UM / mpp))
    patches = resize(cut_squares(image, figures[["x", "y"]].to_numpy(), side), _CROP_PX)
    return [Crop(_code(patch), float(p)) for patch, p in zip(patches, figures["probability"], strict=True)]


def _find_box(row: Mapping[str, Any], scale: float) -> Box | None:
    if row["hotspot_left"] is None:
        return None
    return Box(*(scale * row[f"hotspot_{side}"] for side in Box._fields))


def _fit(pixels: np.ndarray) -> tuple[np.ndarray, float]:
    """Pixels made as small as the page needs, and by which factor."""
    import cv2

    scale = min(1.0, _LONGEST / max(pixels.shape[:2]))
    width, height = (max(1, round(side * scale)) for side in pixels.shape[1::-1])
    return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), scale


def _mark(pixels: np.ndarray, caption: str, points: np.ndarray, box: Box | None) -> Picture:
    marks = [(round(float(x), 1), round(float(y), 1)) for x, y in points]
    if box is not None:
        box = Box(*(round(float(value), 1) for value in box))
    return Picture(_code(pixels), pixels.shape[1], pixels.shape[0], caption, marks, box)


def _code(pixels: np.ndarray) -> str:
    """A JPEG as a data URI."""
    from PIL import Image

    coded = BytesIO()
    Image.fromarray(pixels).save(coded, format="JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(coded.getvalue()).decode()}"
