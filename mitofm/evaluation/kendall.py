"""Kendall's tau of many pairs of orders at once."""

from __future__ import annotations

import numpy as np


def measure_tau(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(...,) tau-b (Kendall 1945, Biometrika 33:239) of values (..., K) and (..., K); NaN if either are all equal."""
    shape = np.broadcast_shapes(np.shape(first), np.shape(second))
    one, other = (
        np.ascontiguousarray(np.broadcast_to(side, shape).reshape(-1, shape[-1]).T) for side in (first, second)
    )
    alike, apart = np.zeros(one.shape[1]), np.zeros((2, one.shape[1]))
    for place in range(1, len(one)):  # every pair once, and only those of one value in memory
        signs = [(side[place] > side[:place]).astype(np.int8) - (side[place] < side[:place]) for side in (one, other)]
        alike += (signs[0] * signs[1]).sum(axis=0, dtype=float)
        apart += [np.abs(sign).sum(axis=0, dtype=float) for sign in signs]
    pairs = np.sqrt(apart[0] * apart[1])
    return np.divide(alike, pairs, out=np.full(alike.shape, np.nan), where=pairs > 0).reshape(shape[:-1])[()]
