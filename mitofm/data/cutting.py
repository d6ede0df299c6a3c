"""Cutting patches out of images: the order of the samples, the scale, and the cut itself."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from mitofm.data.images.base import Image
from mitofm.data.images.squares import cut_squares, resize
from mitofm.ground.errors import MitofmError

_SAME_SCALE = 0.05  # a smaller difference in resolution is left alone: resampling would blur more than it corrects
_BAND = 1024  # px; samples are cut band by band, so that those of one piece lie on few tiles
_PIECE = 32 * 2**20  # bytes of patches that a worker holds: the 200 samples of a region fit, so tiles are decoded once


def file_column(table: pd.DataFrame) -> pd.Series:
    """The file that each sample is cut from, relative to the source's root."""
    return table["crop"] if "crop" in table else table["image"]


def arrange(table: pd.DataFrame, patch_px: int) -> list[list[np.ndarray]]:
    """The rows of `table` in the order to cut them: units for one worker each, made of pieces to note as done.

    A file is in one unit only, so that it is opened once; small files share a unit. A function of the arguments alone.
    """
    files = file_column(table).to_numpy()
    order = np.lexsort((table["x"], table["y"] // _BAND, files))
    size = max(1, _PIECE // (patch_px * patch_px * 3))
    units: list[list[np.ndarray]] = []
    waiting: list[np.ndarray] = []
    for _, rows in split_by_file(files, order):
        if len(rows) >= size:
            units.append(np.split(rows, range(size, len(rows), size)))
            continue
        waiting.append(rows)
        if sum(map(len, waiting)) >= size // 4:  # a quarter: enough to be worth a note, and workers end together
            units.append([np.concatenate(waiting)])
            waiting = []
    if waiting:
        units.append([np.concatenate(waiting)])
    return units


def split_by_file(files: np.ndarray, rows: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """The runs of `rows` that share a file, with its name."""
    ends = np.flatnonzero(files[rows][1:] != files[rows][:-1]) + 1
    for run in np.split(rows, ends):
        yield str(files[run[0]]), run


def side(patch_px: int, own: float, mpp: float | None) -> int:
    """How many px of an image of resolution `own` (micrometre per px, NaN if unknown) a patch covers."""
    if mpp is None or np.isnan(own) or abs(mpp / own - 1) <= _SAME_SCALE:
        return patch_px
    return round(patch_px * mpp / own)


def cut(image: Image, samples: pd.DataFrame, patch_side: int, patch_px: int) -> np.ndarray:
    """The patches of the `samples` of one image: (n, patch_px, patch_px, 3) uint8. A pre-cut crop is cut at its centre.

    A patch covers `patch_side` px of the image. MitofmError if this cannot be decoded, or the crop is too small.
    """
    if "crop" not in samples:
        return resize(cut_squares(image, samples[["x", "y"]].to_numpy(), patch_side), patch_px)
    if patch_side > min(image.width, image.height):
        raise MitofmError(
            f"{image.path}: this crop is {image.width} x {image.height} px, but {patch_side} x {patch_side} px are "
            "needed. Ask for a smaller crop_px or margin_px, or cut larger crops"
        )
    centre = np.tile([image.width // 2, image.height // 2], (len(samples), 1))
    return resize(cut_squares(image, centre, patch_side), patch_px)
