"""AUROC inside slides and inside domains: pooled AUROC ranks samples of all of them, so it counts shifts between them too.

A model whose logits are higher on one slide than on another ranks badly over both even if it ranks well in each; and if
positives are more common where its logits are higher, it ranks well over both without telling any two samples of a slide apart.

`labels` and `scores` are (n,) as in `metrics`, `slides` and `domains` (n,) integers from 0 on, `weights` (..., n) how often
each sample counts; all samples of a slide count alike. Results have the shape (...).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

MINIMUM_OF_EACH = 3
"""Samples of each class on a slide whose AUROC counts. One of each gives 0, 1/2 or 1; three of each are nine pairs, and the
standard deviation at chance, the square root of (2k + 1) / 12k^2, is a quarter. More would leave out more slides."""
_AT_ONCE = 1_000_000
"""Weights in memory at a time."""
_DIGITS = 12
"""AUROCs are rounded to as many, so that classes that are separated have exactly 1 whatever their weights."""


def measure_within(
    labels: np.ndarray, scores: np.ndarray, slides: np.ndarray, domains: np.ndarray, weights: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Both metrics by name."""
    return {
        "slide_macro_auroc": average_slides(labels, scores, slides, weights),
        "domain_mean_auroc": average_domains(labels, scores, domains, weights),
    }


def average_slides(
    labels: np.ndarray, scores: np.ndarray, slides: np.ndarray, weights: np.ndarray | None = None
) -> np.ndarray:
    """The mean of the AUROC inside each slide with `MINIMUM_OF_EACH` samples of each class; NaN if there is none.

    Slides count by their weights, whatever the number of their samples.
    """
    counted = list_counted(labels, slides)
    inside = auroc_by_group(labels, scores, slides)[counted]
    if weights is None:
        return _average(inside, np.ones(counted.size))
    first = np.unique(slides, return_index=True)[1]
    return _average(inside, weights[..., first[counted]])


def average_domains(
    labels: np.ndarray, scores: np.ndarray, domains: np.ndarray, weights: np.ndarray | None = None
) -> np.ndarray:
    """The mean of the AUROC of each domain with samples of both classes; NaN if there is none. Domains count alike.

    A domain that loses a class with a slide is left out of the mean without that slide, as a fold is.
    """
    found = auroc_by_group(labels, scores, domains, weights)
    return _average(found, np.isfinite(found).astype(float))


def average_other_slides(labels: np.ndarray, scores: np.ndarray, slides: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(S,) `average_slides` without each slide; `weights` (n,) are those of all samples."""
    counted = list_counted(labels, slides)
    kept, summed = np.zeros((2, slides.max(initial=-1) + 1))
    kept[counted] = weights[np.unique(slides, return_index=True)[1][counted]]
    summed[counted] = kept[counted] * auroc_by_group(labels, scores, slides)[counted]
    left = counted.size - np.isin(np.arange(kept.size), counted)
    rest = kept.sum() - kept
    return np.divide(summed.sum() - summed, rest, out=np.full(kept.size, np.nan), where=left > 0)


def average_domains_without_slides(
    labels: np.ndarray, scores: np.ndarray, slides: np.ndarray, domains: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """(S,) `average_domains` without each slide; `weights` (n,) are those of all samples.

    A slide changes no domain but its own, so that nothing else is ranked again.
    """
    whole = auroc_by_group(labels, scores, domains, weights)
    found = np.tile(whole, (slides.max(initial=-1) + 1, 1))
    for domain in range(whole.size):
        rows = np.flatnonzero(domains == domain)
        own, only = np.unique(slides[rows]), np.zeros_like(rows)
        for some in np.array_split(own, 1 + own.size * rows.size // _AT_ONCE):
            kept = (slides[rows] != some[:, None]) * weights[rows]
            found[some, domain] = auroc_by_group(labels[rows], scores[rows], only, kept)[:, 0]
    return _average(found, np.isfinite(found).astype(float))


def auroc_by_group(
    labels: np.ndarray, scores: np.ndarray, groups: np.ndarray, weights: np.ndarray | None = None
) -> np.ndarray:
    """(..., G) the AUROC inside each group; NaN if it has one class. Every number in [0, G) is a group."""
    order = np.lexsort((scores, groups))
    labels, scores, groups = np.asarray(labels)[order], np.asarray(scores, dtype=float)[order], groups[order]
    ordered = np.ones(order.size) if weights is None else weights[..., order]
    if not order.size:
        return np.empty((*ordered.shape[:-1], 0))
    # Samples of one group with equal scores are one step of its curve.
    step = np.flatnonzero((np.diff(groups, prepend=-1) != 0) | (np.diff(scores, prepend=np.nan) != 0))
    negatives, positives = (np.add.reduceat(ordered * (labels == label), step, axis=-1) for label in (0, 1))
    first = np.flatnonzero(np.diff(groups[step], prepend=-1) != 0)
    of_group = [np.add.reduceat(side, first, axis=-1) for side in (negatives, positives)]
    before = np.cumsum(of_group[0], axis=-1) - of_group[0]  # negatives of the groups before
    below = np.cumsum(negatives, axis=-1) - negatives / 2 - before[..., groups[step]]
    won, pairs = np.add.reduceat(positives * below, first, axis=-1), of_group[0] * of_group[1]
    return np.round(np.divide(won, pairs, out=np.full(pairs.shape, np.nan), where=pairs > 0), _DIGITS)


def list_counted(labels: np.ndarray, slides: np.ndarray) -> np.ndarray:
    """The slides that have `MINIMUM_OF_EACH` samples of each class, ascending."""
    of_slide = [np.bincount(slides[labels == label], minlength=slides.max(initial=-1) + 1) for label in (0, 1)]
    return np.flatnonzero(np.minimum(*of_slide) >= MINIMUM_OF_EACH)


def number_groups(predictions: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """The slide and the domain of each row as integers; without a column `domain` all are of one."""
    slides = pd.factorize(predictions["slide"], sort=True)[0]
    if "domain" not in predictions:
        return slides, np.zeros_like(slides)
    return slides, pd.factorize(predictions["domain"], sort=True)[0]


def _average(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The weighted mean (...) over the last axis; values without weight, NaN ones too, do not count. NaN if none does."""
    values, weights = np.broadcast_arrays(values, weights)
    total = weights.sum(axis=-1)
    summed = np.where(weights > 0, values * weights, 0.0).sum(axis=-1)
    return np.divide(summed, total, out=np.full(np.shape(total), np.nan), where=total > 0)[()]
