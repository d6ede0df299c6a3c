"""One pass over a slide: its small picture, and the proposals in its tissue; a killed one goes on at its last band of blocks."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mitofm.data.images.base import Image
from mitofm.data.proposals.blobs import REACH_UM, propose
from mitofm.data.proposals.blocks import Block, list_bands
from mitofm.data.proposals.tissue import choose_step, is_stained, shrink
from mitofm.ground.files import map_npy, replacing

FIELD = 64
"""Side of a field, px of the small picture: about 0.5 mm, 0.26 mm^2, a high-power field of common microscopes."""
_GLASS = 255


@dataclass(frozen=True)
class Survey:
    """What one pass over a slide gives.

    Attributes:
        small: the small picture, (h, w, 3) uint8; white where nothing was read.
        places: x and y of each proposal, px at level 0, float64 (n, 2), field by field.
    """

    small: np.ndarray
    places: np.ndarray


def survey(
    image: Image,
    mpp: float,
    region: np.ndarray | None,
    per_mm2: float | None,
    folder: Path,
    advance: Callable[[float], None],
) -> Survey:
    """Read all of `image`, or what of it lies in a region.

    Of each field the highest blobs are proposals, as many as it has tissue for. Memory is that of one block and its tiles, and
    of what is returned.

    Args:
        mpp: micrometre per px of the image.
        region: of the small picture, bool (h, w); None: all of it.
        per_mm2: how many proposals a square millimetre of tissue has; None: none are looked for.
        folder: where finished bands are kept.
        advance: called with the share of the image that was read.

    Raises:
        MitofmError: a tile cannot be decoded.
    """
    step = choose_step(mpp)
    pictures, places = [], []
    folder.mkdir(parents=True, exist_ok=True)
    bands = list(list_bands(image.width, image.height, FIELD * step))
    for number, band in enumerate(bands):
        files = folder / f"picture-{number:05d}.npy", folder / f"places-{number:05d}.npy"
        kept = _open_band(*files)
        if kept is None:
            kept = _read_band(image, band, mpp, step, region, per_mm2)
            for file, array in zip(files, kept, strict=True):  # the places last: they say that the band is done
                with replacing(file) as temporary, temporary.open("wb") as opened:
                    np.save(opened, array)
        pictures.append(kept[0])
        places.append(kept[1])
        advance(1 / len(bands))
    return Survey(np.concatenate(pictures), np.concatenate(places))


def _open_band(picture: Path, places: Path) -> tuple[np.ndarray, np.ndarray] | None:
    if places.is_file() and picture.is_file():
        with suppress(OSError, ValueError):
            return np.array(map_npy(picture)), np.array(map_npy(places))
    return None


def _read_band(
    image: Image, band: list[Block], mpp: float, step: int, region: np.ndarray | None, per_mm2: float | None
) -> tuple[np.ndarray, np.ndarray]:
    """The small picture of a row of fields, and their proposals."""
    rows = -(-band[0].height // step)
    picture = np.full((rows, -(-image.width // step), 3), _GLASS, np.uint8)
    places = [np.empty((0, 2))]
    around = math.ceil(REACH_UM / mpp) if per_mm2 is not None else 0
    for block in band:
        first, column = block.top // step, block.left // step
        here = slice(first, first + rows), slice(column, column + FIELD)
        if region is not None and not region[here].any():
            continue
        pixels, left, top = block.read(image, around)
        inner = pixels[block.top - top :, block.left - left :][: block.height, : block.width]
        small = shrink(inner, step)
        picture[:, column : column + small.shape[1]] = small
        stained = is_stained(small) if region is None else is_stained(small) & region[here]
        if per_mm2 is not None and stained.any():
            wanted = math.ceil(per_mm2 * stained.sum() * (step * mpp / 1000) ** 2)
            places.append(_propose(pixels, mpp, block, left, top, stained, step)[:wanted])
    return picture, np.concatenate(places)


def _propose(
    pixels: np.ndarray, mpp: float, block: Block, left: int, top: int, stained: np.ndarray, step: int
) -> np.ndarray:
    """The proposals of a block that lie in what is stained, (n, 2) px at level 0, the highest first."""
    places = propose(pixels, mpp)[0] + (left, top)
    within = places - (block.left, block.top)
    inside = ((within >= -0.5) & (within < np.array([block.width, block.height]) - 0.5)).all(axis=1)
    places, within = places[inside], within[inside]
    columns, rows = np.clip((within // step).astype(np.int64), 0, np.array(stained.shape[::-1]) - 1).T
    return places[stained[rows, columns]]
