"""Squares around many points of one image, each tile decoded once."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from mitofm.data.images.base import Image


def cut_squares(image: Image, centres: np.ndarray, side: int) -> np.ndarray:
    """Squares of `side` px around each of `centres` (n, 2), x and y in px: (n, side, side, 3) uint8.

    The square around (x, y) starts at floor(x) - side // 2. Beyond a border lies the reflection of the image, again and
    again: the image may be smaller than `side`, and a centre may lie outside it. MitofmError if a tile cannot be decoded.
    """
    size = np.array([image.width, image.height])
    wanted = np.floor(centres).astype(np.int64) - side // 2
    span = np.minimum(side, size)  # px in a row, reflected, never come from more than as many of the image
    beyond = np.flatnonzero(((wanted < 0) | (wanted + side > size)).any(axis=1))
    needed = {int(i): [_reflect(wanted[i, axis] + np.arange(side), size[axis]) for axis in (0, 1)] for i in beyond}
    start = wanted.copy()
    for i, axes in needed.items():
        start[i] = np.minimum([axis.min() for axis in axes], size - span)
    windows = read_windows(image, start, span)
    if not needed:
        return windows
    found = np.empty((len(centres), side, side, 3), np.uint8)
    for i, window in enumerate(windows):
        if i in needed:
            columns, rows = (axis - first for axis, first in zip(needed[i], start[i], strict=True))
            window = window[rows[:, None], columns]
        found[i] = window
    return found


def resize(patches: np.ndarray, side: int) -> np.ndarray:
    """(n, s, s, 3) uint8 resampled to (n, side, side, 3): by area if they shrink, bicubic if they grow."""
    if patches.shape[1] == side:
        return patches
    import cv2

    way = cv2.INTER_AREA if patches.shape[1] > side else cv2.INTER_CUBIC
    return np.stack([cv2.resize(patch, (side, side), interpolation=way) for patch in patches])


def read_windows(image: Image, start: np.ndarray, span: np.ndarray) -> np.ndarray:
    """The px from `start` (n, 2) on, `span` (2,) of them, all inside the image: (n, height, width, 3) uint8."""
    windows = np.empty((len(start), span[1], span[0], 3), np.uint8)
    tile_size = np.array([image.tile_width, image.tile_height])
    first, last = start // tile_size, (start + span - 1) // tile_size
    touched = defaultdict(list)
    for i in range(len(start)):
        for row in range(first[i, 1], last[i, 1] + 1):
            for column in range(first[i, 0], last[i, 0] + 1):
                touched[row, column].append(i)
    for row, column in sorted(touched):
        tile = image.tile(row, column)
        left, top = column * image.tile_width, row * image.tile_height
        for i in touched[row, column]:
            x, y = start[i, 0] - left, start[i, 1] - top  # of the window in the tile
            part = tile[max(y, 0) : y + span[1], max(x, 0) : x + span[0]]
            down, right = max(-y, 0), max(-x, 0)
            windows[i, down : down + part.shape[0], right : right + part.shape[1]] = part
    return windows


def _reflect(index: np.ndarray, length: int) -> np.ndarray:
    """`index` folded into 0..length-1 at the borders, the border pixel itself not repeated."""
    period = max(2 * (length - 1), 1)
    index = np.abs(index) % period
    return np.minimum(index, period - index) if length > 1 else np.zeros_like(index)
