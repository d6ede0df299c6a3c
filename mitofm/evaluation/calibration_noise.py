"""The calibration error that chance alone gives: what a model whose probabilities are right would show on these samples."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from mitofm.evaluation.calibration import CALIBRATION_BINS, bin_by_mass
from mitofm.ground.seeds import stream

DRAWS = 200
"""Their mean is then within about 2 % of that of all."""
_AT_ONCE = 20


def measure_noise(log_odds: np.ndarray, weights: np.ndarray | None = None, bins: int = CALIBRATION_BINS) -> float:
    """The mean of `metrics.calibration_error` over labels that are drawn from the probabilities themselves.

    A calibration error near it is compatible with perfect calibration. The draws are always the same ones, whatever the
    order of the samples.

    Args:
        log_odds: (n,) calibrated ones.
        weights: (n,) how much each sample counts; None if all count alike.

    Returns:
        NaN without samples.
    """
    if not log_odds.size:
        return float("nan")
    weights = np.ones(log_odds.size) if weights is None else weights
    order = np.lexsort((weights, log_odds))
    log_odds, weights = np.asarray(log_odds, dtype=float)[order], weights[order]
    place = np.cumsum(np.diff(log_odds, prepend=log_odds[0]) != 0)  # among the distinct ones
    bin_of = bin_by_mass(np.bincount(place, weights=weights), bins)[place]
    probabilities, generator = expit(log_odds), stream(0, "calibration noise")
    found, rows = 0.0, np.repeat(np.arange(_AT_ONCE), log_odds.size) * bins + np.tile(bin_of, _AT_ONCE)
    for _ in range(DRAWS // _AT_ONCE):
        # The numbers of one draw after those of another, as if each were drawn by itself.
        surplus = weights * (probabilities - (generator.random((_AT_ONCE, log_odds.size)) < probabilities))
        binned = np.bincount(rows, weights=surplus.ravel(), minlength=_AT_ONCE * bins).reshape(_AT_ONCE, bins)
        for one in np.abs(binned).sum(axis=1):
            found += one
    return float(found / DRAWS / weights.sum())
