"""A regular grid over the tissue, in place of proposals."""

from __future__ import annotations

import numpy as np


def lay_grid(mask: np.ndarray, step: int, spacing: float, size: tuple[int, int]) -> np.ndarray:
    """The places of a square grid that lie in `mask`: x and y in px of the image (n, 2), row by row.

    Args:
        mask: bool (h, w), each of whose pixels is `step` px of the image along each side.
        spacing: px of the image between neighbouring places.
        size: width and height of the image, px.
    """
    x, y = (np.arange(spacing / 2, side, spacing) for side in size)
    columns, rows = ((axis // step).astype(np.int64) for axis in (x, y))
    lines = [np.flatnonzero(mask[row, columns]) for row in rows]
    counts = [len(line) for line in lines]
    chosen = np.concatenate(lines) if lines else np.empty(0, np.int64)
    return np.stack([x[chosen], np.repeat(y, counts)], axis=1)
