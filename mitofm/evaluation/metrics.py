"""Metrics of binary predictions. Each is None where it is not defined (most need a cell of both classes).

Everywhere `labels` is (n,) of 0 and 1, `scores` (n,) of anything that ranks (logits or probabilities), `probabilities`
(n,) in [0, 1]; a cell counts as positive where its probability is at least the threshold.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import rankdata

from mitofm.errors import MitofmError

CALIBRATION_BINS = 15
FIXED_THRESHOLD = 0.5


def auroc(labels: np.ndarray, scores: np.ndarray) -> float | None:
    """Area under the ROC curve: how often a positive outranks a negative, ties counting one half.

    The Mann-Whitney statistic over mid-ranks (Hanley and McNeil 1982, Radiology 143:29).
    """
    positive = np.asarray(labels) == 1
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    if not n_positive or not n_negative:
        return None
    rank_sum = rankdata(scores)[positive].sum()
    return float((rank_sum - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))


def average_precision(labels: np.ndarray, scores: np.ndarray) -> float | None:
    """Precision averaged over the steps in recall, without interpolation; equal scores are one step."""
    labels, scores = np.asarray(labels), np.asarray(scores)
    if not _both_classes(labels):
        return None
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), labels.size - 1)
    hits = np.cumsum(labels[order])[ends]
    return float(np.sum(np.diff(hits, prepend=0) / hits[-1] * hits / (ends + 1)))


def balanced_accuracy(labels: np.ndarray, probabilities: np.ndarray, threshold: float) -> float | None:
    """Mean of sensitivity and specificity at `threshold`."""
    labels = np.asarray(labels)
    if not _both_classes(labels):
        return None
    right = (np.asarray(probabilities) >= threshold) == labels
    return float((right[labels == 1].mean() + right[labels == 0].mean()) / 2)


def weighted_f1(labels: np.ndarray, probabilities: np.ndarray, threshold: float) -> float | None:
    """F1 of either class, averaged with the number of its cells as weight; a class never predicted right has F1 0."""
    labels = np.asarray(labels)
    if not labels.size:
        return None
    predicted = np.asarray(probabilities) >= threshold
    total = 0.0
    for label in (0, 1):
        truth, guess = labels == label, predicted == label
        if truth.any():
            total += truth.sum() * 2 * (truth & guess).sum() / (truth.sum() + guess.sum())
    return float(total / labels.size)


def calibration_error(labels: np.ndarray, probabilities: np.ndarray, bins: int = CALIBRATION_BINS) -> float | None:
    """Expected calibration error over bins of equal mass: mean of |mean probability - share of positives|.

    Equal mass after Nguyen and O'Connor 2015 (EMNLP, arXiv 1508.05154). Equal probabilities share a bin, so that the
    order of the rows does not matter. Biased upwards when bins hold few cells: compare it at equal n only.
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities)
    if not labels.size:
        return None
    bin_of = ((rankdata(probabilities) - 0.5) * bins / labels.size).astype(int)
    surplus = np.bincount(bin_of, weights=probabilities - labels, minlength=bins)
    return float(np.abs(surplus).sum() / labels.size)


def evaluation_sets(predictions: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The sets predictions are evaluated on: "all", each named evaluation set, "domain:<name>" for each domain."""
    sets = {"all": predictions}
    for name, part in predictions.groupby("evaluation_set", sort=True):
        if name:
            sets[str(name)] = part
    for name, part in predictions.groupby("domain", sort=True):
        sets[f"domain:{name}"] = part
    return sets


def summarise(predictions: pd.DataFrame, threshold: float) -> dict[str, dict[str, Any]]:
    """Every metric on every evaluation set: the "sets" of a cell's `metrics.json`.

    Args:
        predictions: one row per test cell: sample_id, slide, domain, label, logit, evaluation_set.
        threshold: the chosen probability threshold; metrics without `_chosen` are at 0.5.

    Raises:
        MitofmError: a logit is not a finite number.
    """
    broken = ~np.isfinite(predictions["logit"].to_numpy(dtype=float))
    if broken.any():
        first = predictions["sample_id"].to_numpy()[broken][0]
        raise MitofmError(
            f"{broken.sum()} of {len(predictions)} logits are not finite (first: sample {first!r}): "
            "the training diverged. Lower the learning rate or use fit.precision=fp32"
        )
    return {name: _metrics(part, threshold) for name, part in evaluation_sets(predictions).items()}


def _metrics(predictions: pd.DataFrame, threshold: float) -> dict[str, Any]:
    labels = predictions["label"].to_numpy()
    logits = predictions["logit"].to_numpy(dtype=float)
    probabilities = expit(logits)
    return {
        "n": len(predictions),
        "n_positive": int(labels.sum()),
        "n_slides": int(predictions["slide"].nunique()),
        "auroc": auroc(labels, logits),
        "average_precision": average_precision(labels, logits),
        "balanced_accuracy": balanced_accuracy(labels, probabilities, FIXED_THRESHOLD),
        "balanced_accuracy_chosen": balanced_accuracy(labels, probabilities, threshold),
        "weighted_f1": weighted_f1(labels, probabilities, FIXED_THRESHOLD),
        "weighted_f1_chosen": weighted_f1(labels, probabilities, threshold),
        "calibration_error": calibration_error(labels, probabilities),
    }


def _both_classes(labels: np.ndarray) -> bool:
    return bool(labels.size) and bool(0 < (labels == 1).sum() < labels.size)
