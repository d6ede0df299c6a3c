"""How often samples called positive with some probability are positive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit, stdtrit

from mitofm.evaluation.metrics import Columns, weigh
from mitofm.evaluation.statistics import LEVEL, MINIMUM_SLIDES

BINS = 10


@dataclass(frozen=True)
class Bin:
    """The samples of one bin of probability.

    Attributes:
        probability: their mean, each sample with its weight.
        share: of positives among them, likewise.
        low: lower end of the share's interval over slides; None with samples of fewer than six slides.
        high: upper end.
        cells: how many samples there are, each seed's counted; a column of the CSV table.
        slides: that they come from.
    """

    probability: float
    share: float
    low: float | None
    high: float | None
    cells: int
    slides: int


def bin_probabilities(seeds: Sequence[Columns], bins: int = BINS) -> list[Bin]:
    """The reliability diagram of the samples of all seeds together, in bins of equal mass.

    Samples count by the inverse of their chance to be tested, if slides had unequal ones (`metrics.weigh`); bins hold equally
    many, whatever their weight. The interval of a share is that of a ratio of sums over slides (Cochran 1977, Sampling
    Techniques, ch. 2.11), t with slides - 1 degrees of freedom, cut to [0, 1]. `seeds` has for each seed slide,
    label and logit of its samples, and test_chance if known; there are fewer bins if probabilities are equal. In a bin of one class slides
    without the other one are counted, as in the exact binomial interval, by their effective number.
    """
    parts = [(seed, weigh(seed)) for seed in seeds]
    weights = np.concatenate([np.ones(len(seed["label"])) if own is None else own for seed, own in parts])
    labels, logits = (np.concatenate([np.asarray(seed[name]) for seed, _ in parts]) for name in ("label", "logit"))
    slides = pd.factorize(np.concatenate([np.asarray(seed["slide"], dtype=object) for seed, _ in parts]))[0]
    probabilities = expit(logits.astype(float))
    place = pd.qcut(probabilities, bins, labels=False, duplicates="drop")
    place = np.where(np.isnan(place), 0, place).astype(int)  # NaN: all are equal
    order = np.argsort(place, kind="stable")
    of_bins = np.split(order, np.flatnonzero(np.diff(place[order])) + 1)
    return [_bin(probabilities[rows], labels[rows], weights[rows], slides[rows]) for rows in of_bins]


def _bin(probabilities: np.ndarray, labels: np.ndarray, weights: np.ndarray, codes: np.ndarray) -> Bin:
    total = weights.sum()
    present, codes = np.unique(codes, return_inverse=True)
    positives, sizes = np.bincount(codes, weights=weights * labels), np.bincount(codes, weights=weights)
    share, slides = float(positives.sum() / total), len(present)
    if labels.min() == labels.max():  # rounding of weights may not hide it
        share = float(labels[0])
    low = high = None
    if slides >= MINIMUM_SLIDES and share in (0.0, 1.0):  # of one class: as many slides without the other one
        end = ((1 - LEVEL) / 2) ** ((sizes**2).sum() / sizes.sum() ** 2)
        low, high = (end, 1.0) if share else (0.0, 1 - end)
    elif slides >= MINIMUM_SLIDES:
        apart = positives - share * sizes
        error = float(np.sqrt(slides / (slides - 1) * (apart**2).sum()) / total)
        half = float(stdtrit(slides - 1, (1 + LEVEL) / 2)) * error
        low, high = max(0.0, share - half), min(1.0, share + half)
    probability = float((weights * probabilities).sum() / total)
    return Bin(probability, share, low, high, labels.size, slides)
