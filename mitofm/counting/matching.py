"""Which detection is which annotated figure: one to one, as many as possible, and among such matchings the nearest.

A greedy pairing, which many scripts use, depends on the order of the points and may find fewer pairs. A maximum matching of least
total distance does neither.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from mitofm.counting.merging import WITHIN_UM


def match(found: np.ndarray, annotated: np.ndarray, distance: float = WITHIN_UM) -> np.ndarray:
    """Pairs of a row of `found` (n, 2) and one of `annotated` (m, 2): int (k, 2), sorted; each row occurs once at most.

    Two positions may be a pair if they lie within `distance`, itself included. Positions are x and y in its unit.
    """
    if not len(found) or not len(annotated):
        return np.empty((0, 2), np.int64)
    near = cKDTree(found).sparse_distance_matrix(cKDTree(annotated), distance, output_type="ndarray")
    n, m = len(found), len(annotated)
    linked = coo_array((np.ones(len(near)), (near["i"], n + near["j"])), shape=(n + m, n + m))
    group = connected_components(linked, directed=False)[1][near["i"]]
    order = np.argsort(group, kind="stable")
    ends = np.flatnonzero(np.diff(group[order])) + 1
    pairs = [_assign(near[members], distance) for members in np.split(order, ends) if len(members)]
    return np.array(sorted(pair for group in pairs for pair in group), np.int64).reshape(-1, 2)


def _assign(near: np.ndarray, distance: float) -> list[tuple[int, int]]:
    """The pairs of one connected group, from its entries `i`, `j` and the distance `v` between them."""
    rows, row = np.unique(near["i"], return_inverse=True)
    columns, column = np.unique(near["j"], return_inverse=True)
    forbidden = (distance + 1) * (len(rows) + len(columns))  # more than all allowed pairs together
    cost = np.full((len(rows), len(columns)), forbidden)
    cost[row, column] = near["v"]
    chosen = linear_sum_assignment(cost)
    return [(int(rows[i]), int(columns[j])) for i, j in zip(*chosen, strict=True) if cost[i, j] < forbidden]
