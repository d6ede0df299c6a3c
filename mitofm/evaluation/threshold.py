"""The log-odds from which on a sample is called positive, chosen on validation logits.

Log-odds, not probabilities: in float64 a sigmoid is exactly 1 from log-odds of 36.8 on, so that samples which a model tells
apart would be cut alike. Everything that cuts does so with `call_positives`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import expit

from mitofm.ground.errors import MitofmError

FIXED = 0.0
"""Even odds, a probability of 0.5: the threshold if none is chosen."""
_LEAST, _MOST = -800.0, 40.0  # log-odds whose probabilities are 0 and 1 in float64


def call_positives(logits: np.ndarray, threshold: float) -> np.ndarray:
    """Whether each sample is called positive: bool (n,). Both sides are float64: rounded to float32 they may differ."""
    return np.asarray(logits, dtype=np.float64) >= np.float64(threshold)


def choose(labels: np.ndarray, logits: np.ndarray) -> float:
    """The threshold (log-odds) of highest balanced accuracy among the midpoints between neighbouring logits.

    Of equally good ones the nearest to even odds (the lower of two); even odds themselves if all logits are equal.

    Args:
        labels: (n,) of 0 and 1, both present.
        logits: (n,), finite.

    Raises:
        MitofmError: only one class is present.
    """
    labels, logits = np.asarray(labels), np.asarray(logits, dtype=np.float64)
    values, position = np.unique(logits, return_inverse=True)
    positives = np.bincount(position, weights=labels == 1)
    negatives = np.bincount(position, weights=labels == 0)
    if not positives.sum() or not negatives.sum():
        raise MitofmError(
            "a threshold needs validation samples of both classes, and only one is present: use a larger fraction or 0.5"
        )
    if values.size == 1:
        return FIXED
    # A midpoint of two neighbouring floats may round down onto the lower one, which would then be called positive.
    midpoints = np.maximum(values[:-1] / 2 + values[1:] / 2, np.nextafter(values[:-1], np.inf))
    sensitivity = 1 - np.cumsum(positives)[:-1] / positives.sum()
    specificity = np.cumsum(negatives)[:-1] / negatives.sum()
    # Rounded, so that equally good thresholds are equal whatever the order of the sums.
    quality = np.round(sensitivity + specificity, 12)
    best = midpoints[quality == quality.max()]
    return float(best[np.argmin(np.abs(best))])


def describe(threshold: float, rule: str, shift: float = 0.0) -> dict[str, Any]:
    """A threshold (log-odds) as `metrics.json` and `checkpoint.json` hold it: `value`, a calibrated probability, is for people.

    `shift` is what calibrated log-odds have beyond the logits.
    """
    return {"value": float(expit(threshold + shift)), "logit": float(threshold), "rule": rule}


def read_logit(stored: Mapping[str, Any]) -> float:
    """The log-odds at which a stored threshold cuts.

    One from before version 4 states a probability alone and still cuts where it did: at the least log-odds whose
    probability in float64 is no less.
    """
    if "logit" in stored:
        return float(stored["logit"])
    below, reaches = _LEAST, _MOST
    while below < (middle := (below + reaches) / 2) < reaches:
        below, reaches = (below, middle) if expit(middle) >= stored["value"] else (middle, reaches)
    return reaches
