"""Metrics of binary predictions, of one sample or of many reweighted ones at once.

Everywhere `labels` is (n,) of 0 and 1, `scores` (n,) of anything that ranks, `logits` (n,) log-odds, `probabilities` (n,)
in [0, 1]; a sample counts as positive if its logit is at least the threshold, which is log-odds too. All is ranked and cut
in float64. `weights` (..., n) says how often each sample counts: once (None), not at all if its slide is left out, twice if
its slide is drawn twice. The result has the shape (...), NaN if the metric is not defined (most need a sample of both
classes). Metrics of ranks take what `count_by_score` gives: how much `negatives` and `positives` (..., m) weigh at each score.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from scipy.special import expit

from mitofm.evaluation.calibration import CALIBRATION_BINS, bin_by_mass, brier, recalibrate
from mitofm.evaluation.calibration_noise import measure_noise
from mitofm.evaluation.threshold import FIXED, call_positives
from mitofm.evaluation.within import measure_within, number_groups
from mitofm.ground.errors import MitofmError

Columns: TypeAlias = "pd.DataFrame | Mapping[str, np.ndarray]"
"""Samples as a table, or as its columns."""
UNBOUNDED = ("calibration_intercept", "calibration_slope", "count_bias", "count_low", "count_high", "performance_drop")
"""All other metrics lie in [0, 1]."""


def auroc(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Area under the ROC curve: how often a positive outranks a negative, ties counting one half.

    The Mann-Whitney statistic (Hanley and McNeil 1982, Radiology 143:29).
    """
    return _auroc(*count_by_score(labels, scores, weights)[1:])


def average_precision(negatives: np.ndarray, positives: np.ndarray) -> np.ndarray:
    """Precision averaged over the steps in recall, without interpolation; equal scores are one step."""
    hits = np.cumsum(positives[..., ::-1], axis=-1)
    called = hits + np.cumsum(negatives[..., ::-1], axis=-1)
    precision = np.divide(hits, called, out=np.zeros_like(hits), where=called > 0)
    found = _ratio((positives[..., ::-1] * precision).sum(axis=-1), positives.sum(axis=-1))
    return np.where(negatives.sum(axis=-1) > 0, found, np.nan)


def balanced_accuracy(
    labels: np.ndarray, logits: np.ndarray, threshold: float, weights: np.ndarray | None = None
) -> np.ndarray:
    """Mean of sensitivity and specificity at `threshold`."""
    sensitivity, specificity = (_recall(label, labels, logits, threshold, weights) for label in (1, 0))
    return (sensitivity + specificity) / 2


def best_balanced_accuracy(negatives: np.ndarray, positives: np.ndarray) -> np.ndarray:
    """Balanced accuracy at whatever threshold makes it highest on these very samples: what a threshold could reach."""
    # Youden's index at every threshold: the share of negatives below it minus that of positives below it.
    below = [_ratio(np.cumsum(counts, axis=-1), counts.sum(axis=-1)[..., None]) for counts in (negatives, positives)]
    best = (1 + (below[0] - below[1]).max(axis=-1, initial=0.0)) / 2
    return np.where((negatives.sum(axis=-1) > 0) & (positives.sum(axis=-1) > 0), best, np.nan)


def weighted_f1(
    labels: np.ndarray, logits: np.ndarray, threshold: float, weights: np.ndarray | None = None
) -> np.ndarray:
    """F1 of either class, averaged with the number of its samples as weight; a class never predicted right has F1 0."""
    counts = _count_decisions(labels, logits, threshold, weights)
    total = np.zeros_like(counts[0][0])
    for label in (0, 1):
        right, truth = counts[label][label], counts[label][0] + counts[label][1]
        taken = counts[0][label] + counts[1][label]
        total = total + truth * np.nan_to_num(_ratio(2 * right, truth + taken))
    return _ratio(total, counts[0][0] + counts[0][1] + counts[1][0] + counts[1][1])


def calibration_error(
    probabilities: np.ndarray, negatives: np.ndarray, positives: np.ndarray, bins: int = CALIBRATION_BINS
) -> np.ndarray:
    """Expected calibration error over bins of equal mass: mean of |mean probability - share of positives|.

    `probabilities` (m,) are distinct and ascending. Equal mass after Nguyen and O'Connor 2015 (EMNLP, arXiv 1508.05154).
    Biased upwards when bins hold few samples: compare it at equal n only, and with `measure_noise`.
    """
    mass = negatives + positives
    total, bin_of = mass.sum(axis=-1), bin_by_mass(mass, bins)
    surplus = mass * probabilities - positives
    rows = np.arange(total.size).reshape(*total.shape, 1)
    binned = np.bincount((rows * bins + bin_of).ravel(), weights=surplus.ravel(), minlength=total.size * bins)
    return _ratio(np.abs(binned.reshape(*total.shape, bins)).sum(axis=-1), total)


def measure(
    labels: np.ndarray, logits: np.ndarray, threshold: float, weights: np.ndarray | None = None, shift: float = 0.0
) -> dict[str, np.ndarray]:
    """Every metric by name; those with `_chosen` at the chosen `threshold`, the others at even odds.

    `shift` is what `calibration.read_shift` gives: metrics of probabilities take those of `logits` + `shift`.
    """
    values, negatives, positives = count_by_score(labels, logits, weights)
    intercept, slope = recalibrate(values + shift, negatives, positives)
    return {
        "auroc": _auroc(negatives, positives),
        "average_precision": average_precision(negatives, positives),
        "balanced_accuracy": balanced_accuracy(labels, logits, FIXED, weights),
        "balanced_accuracy_chosen": balanced_accuracy(labels, logits, threshold, weights),
        "best_balanced_accuracy": best_balanced_accuracy(negatives, positives),
        "sensitivity_chosen": _recall(1, labels, logits, threshold, weights),
        "specificity_chosen": _recall(0, labels, logits, threshold, weights),
        "weighted_f1": weighted_f1(labels, logits, FIXED, weights),
        "weighted_f1_chosen": weighted_f1(labels, logits, threshold, weights),
        "calibration_error": calibration_error(expit(values + shift), negatives, positives),
        "brier": brier(values + shift, negatives, positives),
        "calibration_intercept": intercept,
        "calibration_slope": slope,
    }


def evaluation_sets(predictions: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The sets predictions are evaluated on: "all", each named evaluation set, "domain:<name>" for each domain."""
    return {
        name: predictions if name == "all" else predictions.iloc[rows] for name, rows in index_sets(predictions).items()
    }


def index_sets(predictions: pd.DataFrame) -> dict[str, np.ndarray]:
    """The rows of each of `evaluation_sets`, by their places."""
    sets = {"all": np.arange(len(predictions))}
    for column, prefix in (("evaluation_set", ""), ("domain", "domain:")):
        codes, names = pd.factorize(predictions[column], sort=True)
        for code, name in enumerate(names):
            if name or prefix:
                sets[f"{prefix}{name}"] = np.flatnonzero(codes == code)
    return sets


def weigh(predictions: Columns) -> np.ndarray | None:
    """As `weigh_chances`, of the column `test_chance`; None if there is none."""
    if "test_chance" not in predictions:
        return None
    return weigh_chances(np.asarray(predictions["test_chance"], dtype=float))


def weigh_chances(chance: np.ndarray) -> np.ndarray | None:
    """(n,) how much each sample counts if slides had unequal chances to be tested; None if all count alike.

    Weights are inverse chances of mean 1 (Hajek 1971): a domain that tests a third of its slides counts no more than one
    that tests a fifth of as many.
    """
    if np.isnan(chance).any() or np.ptp(chance) == 0:
        return None
    return (1 / chance) / (1 / chance).mean()


def summarise(predictions: pd.DataFrame, threshold: float, shift: float = 0.0) -> dict[str, dict[str, Any]]:
    """Every metric on every evaluation set, None if it is not defined: the "sets" of a cell's `metrics.json`.

    Args:
        predictions: one row per test sample: sample_id, slide, domain, label, logit, evaluation_set, and `test_chance` if known.
        threshold: the chosen one, log-odds; metrics without `_chosen` are at even odds.
        shift: log-odds that calibrated probabilities have beyond the logits.

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
    return {name: _summarise_set(part, threshold, shift) for name, part in evaluation_sets(predictions).items()}


def _summarise_set(predictions: pd.DataFrame, threshold: float, shift: float) -> dict[str, Any]:
    labels = predictions["label"].to_numpy()
    counts = {
        "n": len(predictions),
        "n_positive": int(labels.sum()),
        "n_slides": int(predictions["slide"].nunique()),
    }
    logits, weights = predictions["logit"].to_numpy(dtype=float), weigh(predictions)
    values = measure(labels, logits, threshold, weights, shift)
    values |= measure_within(labels, logits, *number_groups(predictions), weights)
    values["calibration_noise"] = np.asarray(measure_noise(logits + shift, weights))
    return counts | {name: None if np.isnan(value) else float(value) for name, value in values.items()}


def count_by_score(
    labels: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The m distinct scores (m,), ascending, and how much negatives and positives (..., m) weigh at each."""
    scores = np.asarray(scores, dtype=np.float64)
    order = np.argsort(scores, kind="stable")
    labels, scores = np.asarray(labels)[order], scores[order]
    ordered = np.ones(scores.size) if weights is None else weights[..., order]
    first = np.flatnonzero(np.diff(scores, prepend=np.nan) != 0)  # of equal scores; NaN equals nothing
    negatives, positives = ordered * (labels == 0), ordered * (labels == 1)
    if first.size < scores.size:
        negatives, positives = (np.add.reduceat(counts, first, axis=-1) for counts in (negatives, positives))
    return scores[first], negatives, positives


def _auroc(negatives: np.ndarray, positives: np.ndarray) -> np.ndarray:
    below = np.cumsum(negatives, axis=-1) - negatives / 2
    return _ratio((positives * below).sum(axis=-1), positives.sum(axis=-1) * negatives.sum(axis=-1))


def _count_decisions(
    labels: np.ndarray, logits: np.ndarray, threshold: float, weights: np.ndarray | None
) -> list[list[np.ndarray]]:
    """How much samples (...) weigh by label and by decision: [label][decision]."""
    positive = call_positives(logits, threshold)
    each = [[((labels == label) & (positive == decision)).astype(float) for decision in (0, 1)] for label in (0, 1)]
    return [[entry.sum() if weights is None else weights @ entry for entry in row] for row in each]


def _recall(
    label: int, labels: np.ndarray, logits: np.ndarray, threshold: float, weights: np.ndarray | None
) -> np.ndarray:
    """The share of the samples of class `label` that are called so: sensitivity (1), specificity (0)."""
    counts = _count_decisions(labels, logits, threshold, weights)[label]
    return _ratio(counts[label], counts[0] + counts[1])


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """`part` / `whole`, NaN if the whole is 0."""
    part, whole = np.broadcast_arrays(np.asarray(part, dtype=float), np.asarray(whole, dtype=float))
    return np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)[()]
