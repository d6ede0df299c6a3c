"""The probability from which on a cell is called positive, chosen on validation predictions."""

from __future__ import annotations

import numpy as np

from mitofm.errors import MitofmError


def choose(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """The threshold of highest balanced accuracy among the midpoints between neighbouring probabilities.

    Of equally good ones the nearest to 0.5 (the lower of two); 0.5 itself where all probabilities are equal.

    Args:
        labels: (n,) of 0 and 1, both present.
        probabilities: (n,) in [0, 1].

    Raises:
        MitofmError: only one class is present.
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities, dtype=float)
    values, position = np.unique(probabilities, return_inverse=True)
    positives = np.bincount(position, weights=labels == 1)
    negatives = np.bincount(position, weights=labels == 0)
    if not positives.sum() or not negatives.sum():
        raise MitofmError(
            "a threshold needs validation cells of both classes, and only one is present: use a larger fraction or 0.5"
        )
    if values.size == 1:
        return 0.5
    # A midpoint of two neighbouring floats may round down onto the lower one, which would then be called positive.
    midpoints = np.maximum((values[:-1] + values[1:]) / 2, np.nextafter(values[:-1], np.inf))
    sensitivity = 1 - np.cumsum(positives)[:-1] / positives.sum()
    specificity = np.cumsum(negatives)[:-1] / negatives.sum()
    # Rounded, so that equally good thresholds are equal whatever the order of the sums.
    quality = np.round(sensitivity + specificity, 12)
    best = midpoints[quality == quality.max()]
    return float(best[np.argmin(np.abs(best - 0.5))])
