"""Every metric of a run's predictions, of all slides and without each: what intervals and paired differences are made of.

Small beside the predictions, so that it is computed once and kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mitofm.evaluation import metrics
from mitofm.ground import fingerprints

VERSION = 8  # raise it when the same predictions would give other numbers
_AT_ONCE = 1_000_000
"""Weights in memory at a time: slides are left out in portions."""


@dataclass(frozen=True)
class Replicates:
    """One run on one evaluation set.

    Attributes:
        slides: names of its S slides, sorted.
        samples: fingerprint of its samples, their slides and labels, whatever their order.
        negatives: how much the samples of the class on each slide count.
        positives: likewise.
        values: by metric 1 + S values: of all samples, then without each slide; None if it is not defined.
    """

    slides: list[str]
    samples: str
    negatives: list[float]
    positives: list[float]
    values: Mapping[str, list[float | None]]

    def of(self, metric: str) -> np.ndarray:
        """(1 + S,) values of `metric`, NaN if it is not defined."""
        return np.array(self.values[metric], dtype=float)


def replicate(predictions: pd.DataFrame, threshold: float, shift: float = 0.0) -> Replicates:
    """Leave out one slide after the other.

    `predictions` has one row per sample (sample_id, slide, label, logit, and test_chance if known); `threshold` is the chosen
    one, log-odds, `shift` what calibrated log-odds have beyond the logits.
    """
    predictions = predictions.sort_values("sample_id")
    labels, logits = predictions["label"].to_numpy(), predictions["logit"].to_numpy(dtype=float)
    codes, slides = pd.factorize(predictions["slide"], sort=True)
    portions = np.array_split(np.arange(len(slides)), 1 + len(slides) * labels.size // _AT_ONCE)
    weights = metrics.weigh(predictions)
    counted = np.ones(labels.size) if weights is None else weights
    parts = [metrics.measure(labels, logits, threshold, weights, shift)]  # the very numbers of `metrics.json`
    parts += [metrics.measure(labels, logits, threshold, (codes != one[:, None]) * counted, shift) for one in portions]
    values = {name: np.hstack([part[name] for part in parts]) for name in parts[0]}
    samples = predictions[["sample_id", "slide", "label"]].astype(str)
    negatives, positives = (
        np.bincount(codes, weights=counted * (labels == label), minlength=len(slides)).tolist() for label in (0, 1)
    )
    return Replicates(
        [str(slide) for slide in slides],
        fingerprints.of(samples.to_numpy().tolist()),
        negatives,
        positives,
        {name: _list(found) for name, found in values.items()},
    )


def pool_folds(folds: Sequence[Replicates]) -> Replicates:
    """The folds of one seed as one: every metric is the mean of the folds that have both classes.

    A fold that loses a class with one of its slides is left out of the mean without that slide, as it is if it lacks a
    class from the start. So folds of a single slide have their share in an interval.
    """
    if len(folds) == 1:
        return folds[0]
    names = sorted({slide for fold in folds for slide in fold.slides})
    place = {slide: number for number, slide in enumerate(names)}
    counts = np.zeros((2, len(names)))
    for fold in folds:
        counts[:, [place[slide] for slide in fold.slides]] += [fold.negatives, fold.positives]
    values = {}
    for metric in folds[0].values:
        each = np.empty((len(folds), 1 + len(names)))
        for row, fold in zip(each, folds, strict=True):
            found = fold.of(metric)
            row[:] = found[0]
            row[[1 + place[slide] for slide in fold.slides]] = found[1:]
        known = np.isfinite(each)
        mean = np.divide(
            np.where(known, each, 0).sum(axis=0),
            known.sum(axis=0),
            where=known.any(axis=0),
            out=np.full(each.shape[1], np.nan),
        )
        values[metric] = _list(mean)
    samples = fingerprints.of(sorted(fold.samples for fold in folds))
    negatives, positives = counts.tolist()
    return Replicates(names, samples, negatives, positives, values)


def _list(values: np.ndarray) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in values]
