"""Several detections of one mitotic figure become one: non-maximum suppression by distance."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

WITHIN_UM = 7.5
"""Micrometres within which two positions are one figure, as in the challenges MIDOG 2021 and 2022 (arXiv 2204.03742)."""


def suppress(points: np.ndarray, scores: np.ndarray, distance: float = WITHIN_UM) -> np.ndarray:
    """The rows of `points` (n, 2) that remain, highest score first: int (k,).

    Greedy: the point of highest score (of equal ones the one further up, then left) stays, those within `distance` of it go,
    and so on.

    Args:
        points: x and y.
        scores: (n,), finite.
        distance: in the unit of the points, itself included.
    """
    order = np.lexsort((points[:, 0], points[:, 1], -scores))
    if len(points) < 2:
        return order
    pairs = cKDTree(points[order]).query_pairs(distance, output_type="ndarray")
    pairs = pairs[np.argsort(pairs[:, 0], kind="stable")]  # the first of a pair has the higher score
    starts = np.searchsorted(pairs[:, 0], np.arange(len(order) + 1))
    stays = np.ones(len(order), bool)
    for place in np.flatnonzero(np.diff(starts)):
        if stays[place]:
            stays[pairs[starts[place] : starts[place + 1], 1]] = False
    return order[stays]
