"""Which pixels make the patch of an annotated cell: the plan by file, the scale, the cut."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from mitofm.data import images
from mitofm.errors import MitofmError

_SAME_SCALE = 0.05  # a smaller difference in resolution is left alone: resampling would blur more than it corrects


def file_column(table: pd.DataFrame) -> pd.Series:
    """The file that each cell is cut from, relative to the source's root."""
    return table["crop"] if "crop" in table else table["image"]


def chunks(table: pd.DataFrame, done: int, size: int) -> Iterator[list[np.ndarray]]:
    """The rows still to be cut, one array per file so that each file is opened once, in lists of about `size` rows.

    The order is a function of the table alone; `done` rows from its start are left out. Lists end where a file ends.
    """
    files = file_column(table).to_numpy()
    order = np.argsort(files, kind="stable")
    ends = np.flatnonzero(files[order][1:] != files[order][:-1]) + 1
    chunk: list[np.ndarray] = []
    position = 0
    for rows in np.split(order, ends):
        position += len(rows)
        if position > done:
            chunk.append(rows)
        if sum(map(len, chunk)) >= size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def side(patch_px: int, own: float, mpp: float | None) -> int:
    """How many px of an image of resolution `own` (micrometre per px, NaN if unknown) a patch covers."""
    if mpp is None or np.isnan(own) or abs(mpp / own - 1) <= _SAME_SCALE:
        return patch_px
    return round(patch_px * mpp / own)


def cut(root: Path, cells: pd.DataFrame, sides: np.ndarray, patch_px: int) -> np.ndarray:
    """The patches of cells that share one file: (n, patch_px, patch_px, 3) uint8.

    Args:
        root: the folder the table's paths are relative to.
        cells: their rows of the annotation table.
        sides: (n,) px that each patch covers in the file.
        patch_px: side of the patches.

    Raises:
        MitofmError: the file cannot be read, a crop is too small, or a cell lies outside its image.
    """
    file = root / str(file_column(cells).iloc[0])
    if "crop" in cells:
        return np.stack([images.centre(file, int(px), patch_px) for px in sides])
    pixels = images.read(file)
    height, width = pixels.shape[:2]
    centres = cells[["x", "y"]].to_numpy()
    outside = ((centres < 0) | (centres >= (width, height))).any(axis=1)
    if outside.any():
        cell = cells.iloc[int(np.flatnonzero(outside)[0])]
        raise MitofmError(
            f"{file}: cell {cell['sample_id']} lies at ({cell['x']:g}, {cell['y']:g}), outside this image of "
            f"{width} x {height} px. Check that x and y are level-0 pixels of this image"
        )
    # Cells of one image share its resolution as a rule; where they do not, each is cut with its own side.
    patches = np.empty((len(cells), patch_px, patch_px, 3), np.uint8)
    for px in np.unique(sides):
        patches[sides == px] = images.around(pixels, centres[sides == px], int(px), patch_px)
    return patches
