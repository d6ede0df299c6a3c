"""The hotspot: the rectangle of a stated area and aspect that holds the most mitotic figures, of all positions it can have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Hotspot:
    """A rectangle with upright sides, in the unit of the points; `rows` are those of the points in it, int (k,)."""

    left: float
    top: float
    width: float
    height: float
    rows: np.ndarray

    @property
    def count(self) -> int:
        """How many points it holds."""
        return len(self.rows)

    def scale(self, factor: float) -> Hotspot:
        """The same in another unit."""
        left, top, width, height = (factor * side for side in (self.left, self.top, self.width, self.height))
        return Hotspot(left, top, width, height, self.rows)


def compute_sides(area_mm2: float, aspect: Sequence[float]) -> tuple[float, float]:
    """Width and height (micrometres) of a rectangle of that area, the first of `aspect` to the second as width to height."""
    ratio = aspect[0] / aspect[1]
    return 1000 * (area_mm2 * ratio) ** 0.5, 1000 * (area_mm2 / ratio) ** 0.5


def find_hotspot(points: np.ndarray, width: float, height: float, within: tuple[float, float]) -> Hotspot | None:
    """The `width` x `height` window with the most of `points` (n, 2), x and y; None if there is no point.

    Exact: a left and a top edge that pass through points are enough to look at, and a sweep from left to right with a
    segment tree over the top edges looks at all of them in O(n log n). Edges belong to the window. Of windows that hold
    equally many it is the leftmost, then the uppermost; it is centred on its points, as far as the image, which is
    `within` (width, height) large, allows.
    """
    if not len(points):
        return None
    x, y = points.T
    order = np.argsort(x, kind="stable")
    tops = np.unique(y)
    first, last = np.searchsorted(tops, y - height), np.searchsorted(tops, y, "right")
    tree = _Tree(len(tops))
    best, left, top = 0, 0.0, 0.0
    entered = gone = 0
    for edge in np.unique(x):
        while entered < len(order) and x[order[entered]] - width <= edge:
            tree.add(int(first[order[entered]]), int(last[order[entered]]), 1)
            entered += 1
        while x[order[gone]] < edge:
            tree.add(int(first[order[gone]]), int(last[order[gone]]), -1)
            gone += 1
        if tree.most > best:
            best, left, top = tree.most, float(edge), float(tops[tree.find_most()])
    inside = (x >= left) & (x - width <= left) & (y >= top) & (y - height <= top)
    rows = np.flatnonzero(inside)
    return Hotspot(_place(x[rows], width, within[0]), _place(y[rows], height, within[1]), width, height, rows)


def _place(values: np.ndarray, side: float, limit: float) -> float:
    """The edge of a window of `side` around values that it holds, inside 0..limit if that is large enough, else around it."""
    if side >= limit:
        return (limit - side) / 2
    return float(np.clip((values.min() + values.max() - side) / 2, 0, limit - side))


class _Tree:
    """Counts at n places, to which 1 is added over ranges: a segment tree with the highest count of all at its root."""

    def __init__(self, n: int) -> None:
        self._size = 1 << (n - 1).bit_length()
        self._most = [0] * (2 * self._size)  # below a node, without what was added to its ancestors
        self._added = [0] * self._size

    @property
    def most(self) -> int:
        """The highest count."""
        return self._most[1]

    def add(self, first: int, last: int, value: int) -> None:
        """Add `value` at the places from `first` on, before `last`."""
        low, high = first + self._size, last + self._size
        ends = low, high - 1
        while low < high:
            if low & 1:
                self._add_below(low, value)
                low += 1
            if high & 1:
                high -= 1
                self._add_below(high, value)
            low >>= 1
            high >>= 1
        for node in ends:
            while node > 1:
                node >>= 1
                self._most[node] = max(self._most[2 * node], self._most[2 * node + 1]) + self._added[node]

    def find_most(self) -> int:
        """The first place with the highest count."""
        node = 1
        while node < self._size:
            node = 2 * node + (self._most[2 * node] < self._most[2 * node + 1])
        return node - self._size

    def _add_below(self, node: int, value: int) -> None:
        self._most[node] += value
        if node < self._size:
            self._added[node] += value
