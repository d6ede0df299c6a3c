"""Kendall's tau of many pairs of orders at once."""

from __future__ import annotations

import numpy as np


def measure_tau(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(...,) tau-b (Kendall 1945, Biometrika 33:239) of values (..., K) and (..., K); NaN if either are all equal."""
    signs = [np.sign(side[..., :, None] - side[..., None, :]) for side in (first, second)]
    alike = (signs[0] * signs[1]).sum(axis=(-2, -1))
    pairs = np.sqrt(np.prod([np.abs(sign).sum(axis=(-2, -1)) for sign in signs], axis=0))
    return np.divide(alike, pairs, out=np.full(np.shape(alike), np.nan), where=pairs > 0)[()]
