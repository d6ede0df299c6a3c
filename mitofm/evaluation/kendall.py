"""Kendall's tau of many pairs of orders at once."""

from __future__ import annotations

import numpy as np

_FEW = np.iinfo(np.int8).max


def measure_tau(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(...,) tau-b (Kendall 1945, Biometrika 33:239) of values (..., K) and (..., K); NaN if either are all equal."""
    shape = np.broadcast_shapes(np.shape(first), np.shape(second))
    sides = [np.broadcast_to(side, shape).reshape(-1, shape[-1]) for side in (first, second)]
    tied = not all((np.diff(np.sort(side, axis=1), axis=1) > 0).all() for side in sides)
    one, other = (np.ascontiguousarray(side.T) for side in sides)
    count = np.int8 if len(one) <= _FEW else np.int32  # so many signs add up to no more
    alike, apart = np.zeros(one.shape[1]), np.zeros((2, one.shape[1]))
    for place in range(1, len(one)):  # every pair once, and only those of one value in memory
        above = [(side[place] > side[:place]).view(np.int8) for side in (one, other)]
        if tied:
            signs = [over - (side[place] < side[:place]) for over, side in zip(above, (one, other), strict=True)]
            alike += (signs[0] * signs[1]).sum(axis=0, dtype=count)
            apart += [np.abs(sign).sum(axis=0, dtype=count) for sign in signs]
        else:
            alike += place - 2.0 * (above[0] ^ above[1]).sum(axis=0, dtype=count)
            apart += place
    pairs = np.sqrt(apart[0] * apart[1])
    return np.divide(alike, pairs, out=np.full(alike.shape, np.nan), where=pairs > 0).reshape(shape[:-1])[()]
