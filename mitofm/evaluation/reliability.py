"""How often samples called positive with some probability are positive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import t as student

from mitofm.evaluation.metrics import weigh
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


def bin_probabilities(seeds: Sequence[pd.DataFrame], bins: int = BINS) -> list[Bin]:
    """The reliability diagram of the samples of all seeds together, in bins of equal mass.

    Samples count by the inverse of their chance to be tested, if slides had unequal ones (`metrics.weigh`); bins hold equally
    many, whatever their weight. The interval of a share is that of a ratio of sums over slides (Cochran 1977, Sampling
    Techniques, ch. 2.11), t with slides - 1 degrees of freedom, cut to [0, 1]. `seeds` has for each seed a frame with slide,
    label and logit, and test_chance if known; there are fewer bins if probabilities are equal. In a bin of one class slides
    without the other one are counted, as in the exact binomial interval, by their effective number.
    """
    weighed = []
    for seed in seeds:
        weights = weigh(seed)
        weighed.append(seed.assign(weight=1.0 if weights is None else weights))
    samples = pd.concat(weighed, ignore_index=True)
    samples["probability"] = expit(samples["logit"].to_numpy(dtype=float))
    place = pd.qcut(samples["probability"], bins, labels=False, duplicates="drop")
    return [_bin(part) for _, part in samples.groupby(place.fillna(0))]  # NaN: all are equal


def _bin(samples: pd.DataFrame) -> Bin:
    weights = samples["weight"].to_numpy()
    total = weights.sum()
    sums = pd.DataFrame({"slide": samples["slide"], "positives": weights * samples["label"], "all": weights})
    by_slide = sums.groupby("slide").sum()
    positives, sizes = by_slide["positives"].to_numpy(), by_slide["all"].to_numpy()
    share, slides = float(positives.sum() / total), len(by_slide)
    if samples["label"].nunique() == 1:  # rounding of weights may not hide it
        share = float(samples["label"].iloc[0])
    low = high = None
    if slides >= MINIMUM_SLIDES and share in (0.0, 1.0):  # of one class: as many slides without the other one
        end = ((1 - LEVEL) / 2) ** ((sizes**2).sum() / sizes.sum() ** 2)
        low, high = (end, 1.0) if share else (0.0, 1 - end)
    elif slides >= MINIMUM_SLIDES:
        apart = positives - share * sizes
        error = float(np.sqrt(slides / (slides - 1) * (apart**2).sum()) / total)
        half = float(student.ppf((1 + LEVEL) / 2, slides - 1)) * error
        low, high = max(0.0, share - half), min(1.0, share + half)
    probability = float((weights * samples["probability"]).sum() / total)
    return Bin(probability, share, low, high, len(samples), slides)
