"""The nearest samples of other slides, by cosine distance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_AT_ONCE = 20_000_000
"""Distances in memory at a time."""


@dataclass(frozen=True)
class Neighbours:
    """Of n samples the L nearest of some others, in order of distance.

    Attributes:
        places: (n, L) which samples they are.
        distances: (n, L) 1 minus the cosine; infinite if there are not as many.
    """

    places: np.ndarray
    distances: np.ndarray


def find_neighbours(
    features: np.ndarray, slides: np.ndarray, labels: np.ndarray, levels: np.ndarray, count: int, pairs: int
) -> tuple[Neighbours, Neighbours, Neighbours]:
    """The `count` nearest of all, the `pairs` nearest of equal label and another level, and of another label and equal level.

    Args:
        features: (n, d) embeddings, of any length each.
        slides: (n,) numbers of slides; no neighbour is on a sample's own.
        labels: (n,) of the classes.
        levels: (n,) numbers of the scanner, the domain, or whatever is not to matter.
        count: of all.
        pairs: of either kind.
    """
    unit = np.asarray(features, dtype=float)
    unit = unit / (np.linalg.norm(unit, axis=1, keepdims=True) + 1e-12)
    found: list[list[tuple[np.ndarray, np.ndarray]]] = [[], [], []]
    for rows in np.array_split(np.arange(len(unit)), 1 + len(unit) ** 2 // _AT_ONCE):
        distances = np.clip(1 - unit[rows] @ unit.T, 0, 2)
        other = slides[rows, None] != slides
        equal, same = labels[rows, None] == labels, levels[rows, None] == levels
        for kept, kind, wanted in zip(
            found, (other, other & equal & ~same, other & ~equal & same), (count, pairs, pairs), strict=True
        ):
            kept.append(_take_nearest(np.where(kind, distances, np.inf), min(wanted, len(unit))))
    every, helping, misleading = (
        Neighbours(*(np.concatenate(parts) for parts in zip(*kept, strict=True))) for kept in found
    )
    return every, helping, misleading


def _take_nearest(distances: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Places and values of the `count` smallest of each row, in order."""
    places = np.argpartition(distances, count - 1, axis=1)[:, :count]
    near = np.take_along_axis(distances, places, axis=1)
    order = np.argsort(near, axis=1, kind="stable")
    return np.take_along_axis(places, order, axis=1), np.take_along_axis(near, order, axis=1)
