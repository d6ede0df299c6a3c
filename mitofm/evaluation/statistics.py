"""Estimates and intervals whose unit is the slide.

Cells of one slide resemble each other, so n is the number of slides. A slide carries all its cells in all seeds: the
estimate is the mean over seeds of the metric of each seed, and its standard error the delete-one-slide jackknife of
that mean over the union of the slides (Efron and Tibshirani 1993, ch. 11; clusters as in Obuchowski 1997, Biometrics
53:567). Seeds are repetitions on the same slides; their spread is reported beside the interval and never enters its n.

Everything here is the AUROC of a `score`. Balanced accuracy is the AUROC of the yes/no decision (one half of
sensitivity plus specificity), so `decisions` is all it takes to get its interval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit, logit
from scipy.stats import t as student

from mitofm.errors import MitofmError

MINIMUM_SLIDES = 6
LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A metric (or a difference of two) with its interval over slides; where there is none, `why` says why."""

    value: float | None
    low: float | None
    high: float | None
    standard_error: float | None
    degrees: float
    slides: int
    seeds: int
    seed_sd: float | None
    why: str = ""

    @property
    def decided(self) -> bool | None:
        """For a difference: whether the interval leaves out 0; None without an interval."""
        return None if self.low is None or self.high is None else not self.low <= 0 <= self.high


def ranking(predictions: pd.DataFrame) -> pd.DataFrame:
    """Predictions whose `score` is the logit: their AUROC is the AUROC."""
    return predictions.assign(score=predictions["logit"])


def decisions(predictions: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """Predictions whose `score` is the decision at the probability `threshold`: AUROC is balanced accuracy."""
    return predictions.assign(score=(expit(predictions["logit"]) >= threshold).astype(float))


def estimate(seeds: Sequence[pd.DataFrame], level: float = LEVEL) -> Estimate:
    """The mean over seeds of the AUROC of `score`, with a slide-clustered logit-t interval.

    The interval is symmetric on the logit scale (delta method) with slides - 1 degrees of freedom. There is none under
    six slides, at a value of exactly 0 or 1, or when leaving out one slide leaves a seed with one class.

    Args:
        seeds: for each seed a frame with slide, label (0/1) and score. Seeds with one class only are left out; the
            estimate's `seeds` is the number that counted.
        level: coverage the interval aims at.
    """
    found = _jackknife(_replicates(seeds))
    if found.why or found.value is None or found.standard_error is None:
        return found
    if found.value in (0.0, 1.0):
        return replace(found, why=f"the value is exactly {found.value:g}")
    half = student.ppf((1 + level) / 2, found.degrees) * found.standard_error / (found.value * (1 - found.value))
    centre = logit(found.value)
    return replace(found, low=float(expit(centre - half)), high=float(expit(centre + half)))


def paired_difference(
    first: Mapping[Any, pd.DataFrame], second: Mapping[Any, pd.DataFrame], level: float = LEVEL
) -> Estimate:
    """First minus second on the same samples: the jackknife over slides of the difference itself, with a t interval.

    Args:
        first: for each seed a frame with sample_id, slide, label and score.
        second: the same; only the seeds of both are compared.
        level: coverage the interval aims at.

    Raises:
        MitofmError: for some seed the two were not tested on the same samples.
    """
    common = [seed for seed in first if seed in second]
    if not common:
        return Estimate(None, None, None, None, 0, 0, 0, None, "no seed in common")
    aligned = [[side[seed].sort_values("sample_id") for seed in common] for side in (first, second)]
    for seed, one, other in zip(common, *aligned, strict=True):
        for column in ("sample_id", "slide", "label"):
            if not np.array_equal(one[column].to_numpy(), other[column].to_numpy()):
                raise MitofmError(
                    f"seed {seed}: the two configurations were not tested on the same samples ({column} differs), "
                    "so they cannot be compared pair by pair"
                )
    found = _jackknife(_replicates(aligned[0]) - _replicates(aligned[1]))
    return _t_interval(found, level)


def independent_difference(first: Estimate, second: Estimate, level: float = LEVEL) -> Estimate:
    """First minus second where no slide is in both: standard errors add in squares, degrees of freedom after Welch."""
    if first.value is None or second.value is None:
        why = first.why or second.why
        return Estimate(None, None, None, None, 0, first.slides + second.slides, 0, None, why)
    value, slides, seeds = first.value - second.value, first.slides + second.slides, min(first.seeds, second.seeds)
    parts = [(side.standard_error, side.degrees) for side in (first, second)]
    if first.low is None or second.low is None or any(error is None for error, _ in parts):
        why = first.why or second.why
        return Estimate(value, None, None, None, 0, slides, seeds, None, why)
    variances = [(error**2, degrees) for error, degrees in parts if error is not None]
    total = sum(variance for variance, _ in variances)
    spread = sum(variance**2 / degrees for variance, degrees in variances)
    degrees = total**2 / spread if spread else min(degrees for _, degrees in variances)
    return _t_interval(Estimate(value, None, None, float(np.sqrt(total)), degrees, slides, seeds, None), level)


def auroc_without_each(labels: np.ndarray, scores: np.ndarray, slides: np.ndarray, n_slides: int) -> np.ndarray:
    """AUROC of all cells and of all but each slide: (1 + n_slides,), NaN where one class is left.

    Deleting slide j takes from the won pairs those of its positives, those of its negatives, and gives back those
    counted twice, so one sort replaces n_slides of them.

    Args:
        labels: (n,) of 0 and 1.
        scores: (n,) anything that ranks.
        slides: (n,) integers in [0, n_slides).
        n_slides: number of slides; one without a cell here changes nothing.
    """
    values, rank = np.unique(scores, return_inverse=True)
    # With the slide in front of the rank, no cell of a later slide is below one of an earlier slide.
    within = slides.astype(np.int64) * values.size + rank
    positive = np.asarray(labels) == 1
    won_by_positive = _wins(rank[positive], rank[~positive])
    won_within = _wins(within[positive], within[~positive])
    # The negatives of every earlier slide are below, but not within.
    earlier = np.searchsorted(np.sort(slides[~positive]), slides[positive], side="left")
    lost_by_negative = int(positive.sum()) - _wins(rank[~positive], rank[positive])

    def per_slide(of: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
        return np.bincount(of, weights=weights, minlength=n_slides).astype(float)

    rows = per_slide(slides[positive], won_by_positive)
    columns = per_slide(slides[~positive], lost_by_negative)
    diagonal = per_slide(slides[positive], won_within - earlier)
    won = np.append(rows.sum(), rows.sum() - rows - columns + diagonal)
    positives, negatives = per_slide(slides[positive]), per_slide(slides[~positive])
    pairs = np.append(positives.sum() * negatives.sum(), (positives.sum() - positives) * (negatives.sum() - negatives))
    return np.divide(won, pairs, out=np.full(n_slides + 1, np.nan), where=pairs > 0)


def _wins(those: np.ndarray, others: np.ndarray) -> np.ndarray:
    """For each of `those` the number of `others` below it, equals counting one half."""
    ordered = np.sort(others)
    return (np.searchsorted(ordered, those, side="left") + np.searchsorted(ordered, those, side="right")) / 2


def _replicates(seeds: Sequence[pd.DataFrame]) -> np.ndarray:
    """(seeds, 1 + slides): the AUROC of each seed with both classes, of all its cells and without each slide."""
    seeds = [seed for seed in seeds if seed["label"].nunique() == 2]
    if not seeds:
        return np.empty((0, 1))
    codes, names = pd.factorize(np.concatenate([seed["slide"].to_numpy() for seed in seeds]), sort=True)
    parts = np.split(codes, np.cumsum([len(seed) for seed in seeds])[:-1])
    return np.stack(
        [
            auroc_without_each(seed["label"].to_numpy(), seed["score"].to_numpy(dtype=float), slides, len(names))
            for seed, slides in zip(seeds, parts, strict=True)
        ]
    )


def _jackknife(replicates: np.ndarray) -> Estimate:
    """The estimate, its standard error and the spread of seeds from (seeds, 1 + slides); no interval yet."""
    seeds, slides = replicates.shape[0], replicates.shape[1] - 1
    if not seeds:
        return Estimate(None, None, None, None, 0, slides, 0, None, "no seed has cells of both classes")
    each = replicates[:, 0]
    value, spread = float(each.mean()), float(each.std(ddof=1)) if seeds > 1 else None
    without = replicates[:, 1:].mean(axis=0)
    why = ""
    if slides < MINIMUM_SLIDES:
        why = f"under {MINIMUM_SLIDES} slides"
    elif not np.isfinite(without).all():
        why = "one slide holds a whole class"
    if why:
        return Estimate(value, None, None, None, 0, slides, seeds, spread, why)
    error = float(np.sqrt((slides - 1) / slides * np.sum((without - without.mean()) ** 2)))
    return Estimate(value, None, None, error, slides - 1, slides, seeds, spread)


def _t_interval(found: Estimate, level: float) -> Estimate:
    if found.why or found.value is None or found.standard_error is None:
        return found
    half = float(student.ppf((1 + level) / 2, found.degrees)) * found.standard_error
    return replace(found, low=found.value - half, high=found.value + half)
