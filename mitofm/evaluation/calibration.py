"""Whether probabilities are what they say: the prior that training changed, Brier score, calibration intercept and slope.

A model learns the prevalence of what it sees: one half if classes weigh the same in the loss or are drawn equally often. The
calibrated log-odds are its logits, less the log-odds of that prevalence, plus those among the samples that were bought (King
and Zeng 2001, Political Analysis 9:137). They serve probabilities alone; ranks and thresholds are those of the logits.

As in `metrics`: `scores` (m,) distinct and ascending, here calibrated log-odds, and how much `negatives` and `positives`
(..., m) weigh at each.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import expit, logit

CALIBRATION_BINS = 15
_ROUNDING = 1e-6  # loss weights are float32
_STEPS, _LONGEST, _EXACT = 200, 2.0, 1e-9
_FARTHEST, _FLATTEST = 200.0, 1e-12
"""An intercept, or a slope by the largest score, beyond this comes from separated classes."""


def describe_prior(targets: np.ndarray, counted: np.ndarray) -> dict[str, Any]:
    """What `metrics.json` and `checkpoint.json` hold: the log-odds to add to logits, and why.

    Args:
        targets: (n,) what each training sample is trained towards, from 0 to 1; of both classes.
        counted: (n,) how much each counts in training: its chance to be drawn times its weight in the loss.
    """
    drawn, learned = (np.average(targets, weights=weights) for weights in (None, counted))
    shift = float(logit(drawn) - logit(learned))
    if abs(shift) < _ROUNDING:
        return {"logit": 0.0, "rule": "samples count as they were drawn"}
    return {"logit": shift, "rule": "the balance of training is undone: prevalence of the training samples"}


def read_shift(stored: Mapping[str, Any]) -> float:
    """The log-odds that a cell's logits lack; 0 of cells from before they were recorded."""
    return float(stored.get("prior", {}).get("logit", 0.0))


def bin_by_mass(mass: np.ndarray, bins: int = CALIBRATION_BINS) -> np.ndarray:
    """Which of `bins` bins of equal mass the middle of each mass (..., m) lies in; the first one if there is no mass."""
    total = mass.sum(axis=-1)[..., None]
    middle = np.divide((np.cumsum(mass, axis=-1) - mass / 2) * bins, total, out=np.zeros(mass.shape), where=total > 0)
    return np.minimum(middle, bins - 1).astype(int)


def brier(scores: np.ndarray, negatives: np.ndarray, positives: np.ndarray) -> np.ndarray:
    """Mean squared distance of probability and label (Brier 1950, Monthly Weather Review 78:1)."""
    probability = expit(scores)
    total = (negatives + positives).sum(axis=-1)
    apart = negatives @ probability**2 + positives @ (1 - probability) ** 2
    return np.divide(apart, total, out=np.full(np.shape(total), np.nan), where=total > 0)[()]


def recalibrate(scores: np.ndarray, negatives: np.ndarray, positives: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Calibration intercept (...) and slope (...): 0 and 1 of probabilities that are right.

    The intercept is what must be added to the log-odds for as many positives as there are; the slope is what they must
    be multiplied with in a logistic regression of the labels, under 1 if they are too extreme (Cox 1958, Biometrika
    45:562; Van Calster et al. 2019, BMC Medicine 17:230). NaN if a class is missing or the classes are separated.
    """
    shape = negatives.shape[:-1]
    sides = np.stack([side.reshape(int(np.prod(shape)), scores.size) for side in (negatives, positives)])
    scale = float(np.abs(scores).max(initial=0.0)) or 1.0
    whole, found = sides.sum(axis=1, keepdims=True), []
    for slope in (False, True):
        start = np.array([[0.0, 0.0 if slope else scale]])
        # All rows are near their sum: from its solution few steps are left.
        at = _fit(scores / scale, sides, _fit(scores / scale, whole, start, slope), slope)
        found.append((at[:, 1] / scale if slope else at[:, 0]).reshape(shape)[()])
    return found[0], found[1]


def fit_platt(labels: np.ndarray, logits: np.ndarray) -> tuple[float, float]:
    """Intercept and slope that make log-odds of logits, for classes that are equally frequent (Platt 1999).

    Targets are Platt's, a little within 0 and 1, so that classes that are separated have a slope too.

    Args:
        labels: (n,) of 0 and 1, both present.
        logits: (n,), finite; NaN is returned if all are equal.
    """
    scores, place = np.unique(np.asarray(logits, dtype=float), return_inverse=True)
    middle, spread = float(scores.mean()), float(scores.std())
    if not spread:
        return float("nan"), float("nan")
    sides = np.zeros((2, 1, scores.size))
    for label in (0, 1):
        mine = labels == label
        sure, each = (mine.sum() + 1) / (mine.sum() + 2), 1 / (2 * mine.sum())
        for side, share in ((label, sure), (1 - label, 1 - sure)):
            sides[side, 0] += np.bincount(place[mine], minlength=scores.size) * each * share
    intercept, slope = _fit((scores - middle) / spread, sides, np.zeros((1, 2)), slope=True)[0]
    return float(intercept - slope * middle / spread), float(slope / spread)


def _fit(scores: np.ndarray, sides: np.ndarray, start: np.ndarray, slope: bool) -> np.ndarray:
    """(rows, 2) intercept and slope by Newton's method from `start`, (1, 2); the slope stays if it is not asked for.

    NaN if there is no maximum of the likelihood. `sides` (2, rows, m) is how much negatives and positives weigh at each score.
    """
    at = np.repeat(np.where(np.isfinite(start), start, 0.0), sides.shape[1], axis=0)
    both = (sides.sum(axis=2) > 0).all(axis=0)
    at[~both] = np.nan
    left = np.flatnonzero(both)
    for _ in range(_STEPS):
        if not left.size:
            break
        step = _step(scores, sides[:, left], at[left], slope)
        # Far from the maximum Newton's step may overshoot: the likelihood is concave, so shorter ones lead there too.
        at[left] += np.clip(step, -_LONGEST, _LONGEST)
        gone = ~np.isfinite(step).all(axis=1) | (np.abs(at[left]) > _FARTHEST).any(axis=1)
        at[left[gone]] = np.nan
        left = left[~gone & (np.abs(step).max(axis=1) > _EXACT)]
    at[left] = np.nan
    return at


def _step(scores: np.ndarray, sides: np.ndarray, at: np.ndarray, slope: bool) -> np.ndarray:
    """Newton's step of each row; not finite if the likelihood is flat there."""
    negatives, positives = sides
    probability = expit(at[:, :1] + at[:, 1:] * scores)
    apart = positives - (negatives + positives) * probability
    curve = (negatives + positives) * probability * (1 - probability)
    g0, h00 = apart.sum(axis=1), curve.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        if not slope:
            return np.column_stack([g0 / h00, np.zeros(len(at))])
        g1, h01, h11 = apart @ scores, curve @ scores, curve @ scores**2
        determinant = h00 * h11 - h01**2
        determinant = np.where(determinant > _FLATTEST * h00 * h11, determinant, np.nan)
        return np.column_stack([h11 * g0 - h01 * g1, h00 * g1 - h01 * g0]) / determinant[:, None]
