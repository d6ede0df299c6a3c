"""Every metric of a run's predictions, of all slides and without each: what intervals and paired differences are made of.

Small beside the predictions, so that it is computed once and kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from mitofm.evaluation import metrics
from mitofm.evaluation.calibration_noise import measure_noise
from mitofm.evaluation.within import (
    average_domains_without_slides,
    average_other_slides,
    list_counted,
    measure_within,
    number_groups,
)
from mitofm.ground import fingerprints

VERSION = 9  # raise it when the same predictions would give other numbers
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
        values: by metric 1 + S values: of all samples, then without each slide; None if it is not defined. The calibration
            noise is measured of all samples alone.
        counted: those of `slides` whose own AUROC counts in `slide_macro_auroc`.
    """

    slides: list[str]
    samples: str
    negatives: list[float]
    positives: list[float]
    values: Mapping[str, Sequence[float | None] | np.ndarray]
    counted: list[str] = field(default_factory=list)

    def of(self, metric: str) -> np.ndarray:
        """(1 + S,) values of `metric`, NaN if it is not defined."""
        return np.array(self.values[metric], dtype=float)

    def stack(self, metrics: Sequence[str]) -> np.ndarray:
        """(metrics, 1 + S) as `of` each."""
        if isinstance(self.values, Rows):
            return self.values.stack(metrics)
        return np.array([self.values[metric] for metric in metrics], dtype=float)


class Rows(Mapping[str, np.ndarray]):
    """Values by metric that are the rows of one array: of those that nobody asks for there is no object."""

    __slots__ = ("_numbers", "_places")

    def __init__(self, names: Sequence[str], numbers: np.ndarray) -> None:
        self._places = {name: place for place, name in enumerate(names)}
        self._numbers = numbers

    def stack(self, names: Sequence[str]) -> np.ndarray:
        """Some of the rows, copied."""
        return self._numbers[[self._places[name] for name in names]]

    def __getitem__(self, name: str) -> np.ndarray:
        return self._numbers[self._places[name]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def replicate(predictions: pd.DataFrame, threshold: float, shift: float = 0.0) -> Replicates:
    """Leave out one slide after the other.

    `predictions` has one row per sample (sample_id, slide, label, logit, and domain and test_chance if known); `threshold` is
    the chosen one, log-odds, `shift` what calibrated log-odds have beyond the logits.
    """
    samples = _Samples.of(predictions)
    return samples.replicate(np.arange(len(predictions)), threshold, shift)


def replicate_sets(predictions: pd.DataFrame, threshold: float, shift: float = 0.0) -> dict[str, Replicates]:
    """As `replicate`, of each set that `metrics.evaluation_sets` makes: what all have in common is prepared once."""
    ordered = predictions.sort_values("sample_id", ignore_index=True)
    samples = _Samples.of(ordered)
    sets = metrics.index_sets(ordered)
    return {name: samples.replicate(rows, threshold, shift) for name, rows in sets.items()}


@dataclass(frozen=True)
class _Samples:
    """n samples, sorted by name: slides and domains as places among sorted names, and each sample spelt for a fingerprint."""

    labels: np.ndarray
    logits: np.ndarray
    slides: np.ndarray
    names: Sequence[str]
    domains: np.ndarray
    chances: np.ndarray | None
    spelt: Sequence[Sequence[str]]

    @classmethod
    def of(cls, predictions: pd.DataFrame) -> _Samples:
        ordered = predictions.sort_values("sample_id")
        codes, slides = pd.factorize(ordered["slide"], sort=True)
        return cls(
            ordered["label"].to_numpy(),
            ordered["logit"].to_numpy(dtype=float),
            codes,
            [str(slide) for slide in slides],
            number_groups(ordered)[1],
            ordered["test_chance"].to_numpy(dtype=float) if "test_chance" in ordered else None,
            ordered[["sample_id", "slide", "label"]].astype(str).to_numpy().tolist(),
        )

    def replicate(self, rows: np.ndarray, threshold: float, shift: float) -> Replicates:
        """Of the samples `rows`, which ascend."""
        labels, logits = self.labels[rows], self.logits[rows]
        present, codes = np.unique(self.slides[rows], return_inverse=True)
        domains = np.unique(self.domains[rows], return_inverse=True)[1]
        slides = [self.names[one] for one in present]
        portions = np.array_split(np.arange(len(slides)), 1 + len(slides) * labels.size // _AT_ONCE)
        weights = None if self.chances is None else metrics.weigh_chances(self.chances[rows])
        counted = np.ones(labels.size) if weights is None else weights
        parts = [metrics.measure(labels, logits, threshold, weights, shift)]  # the very numbers of `metrics.json`
        parts += [
            metrics.measure(labels, logits, threshold, (codes != one[:, None]) * counted, shift) for one in portions
        ]
        values = {name: np.hstack([part[name] for part in parts]) for name in parts[0]}
        values |= _leave_out_inside(labels, logits, codes, domains, weights, values["auroc"][1:])
        values["calibration_noise"] = np.full(1 + len(slides), np.nan)
        values["calibration_noise"][0] = measure_noise(logits + shift, weights)
        negatives, positives = (
            np.bincount(codes, weights=counted * (labels == label), minlength=len(slides)).tolist() for label in (0, 1)
        )
        return Replicates(
            slides,
            fingerprints.of([self.spelt[row] for row in rows]),
            negatives,
            positives,
            {name: _list(found) for name, found in values.items()},
            [slides[code] for code in list_counted(labels, codes)],
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
    inside = sorted({slide for fold in folds for slide in fold.counted})
    return Replicates(names, samples, negatives, positives, values, inside)


def _leave_out_inside(
    labels: np.ndarray,
    logits: np.ndarray,
    slides: np.ndarray,
    domains: np.ndarray,
    weights: np.ndarray | None,
    aurocs: np.ndarray,
) -> dict[str, np.ndarray]:
    """The metrics of `within` of all slides and without each, (1 + S,); `aurocs` (S,) are the pooled ones without each."""
    whole = measure_within(labels, logits, slides, domains, weights)
    counted = np.ones(labels.size) if weights is None else weights
    one = domains.max(initial=0) == 0  # the mean of one domain is the pooled AUROC
    without = {
        "slide_macro_auroc": average_other_slides(labels, logits, slides, counted),
        "domain_mean_auroc": aurocs
        if one
        else average_domains_without_slides(labels, logits, slides, domains, counted),
    }
    return {name: np.hstack([whole[name], without[name]]) for name in whole}


def _list(values: np.ndarray) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in values]
