"""How often cells called positive with some probability are positive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import t as student

from mitofm.evaluation.statistics import LEVEL, MINIMUM_SLIDES

BINS = 10


@dataclass(frozen=True)
class Bin:
    """The cells of one bin of probability.

    Attributes:
        probability: their mean.
        share: of positives among them.
        low: lower end of the share's interval over slides; None with cells of fewer than six slides.
        high: upper end.
        cells: how many there are, each seed's counted.
        slides: that they come from.
    """

    probability: float
    share: float
    low: float | None
    high: float | None
    cells: int
    slides: int

    def plain(self) -> dict[str, Any]:
        """As plain data; `Bin(**plain)` is equal."""
        return asdict(self)


def reliability(seeds: Sequence[pd.DataFrame], bins: int = BINS) -> list[Bin]:
    """The reliability diagram of the cells of all seeds together, in bins of equal mass.

    The interval of a share is that of a ratio of sums over slides (Cochran 1977, Sampling Techniques, ch. 2.11), t with
    slides - 1 degrees of freedom, cut to [0, 1].

    Args:
        seeds: for each seed a frame with slide, label and logit.
        bins: how many; fewer where probabilities are equal.
    """
    cells = pd.concat(seeds, ignore_index=True)
    cells["probability"] = expit(cells["logit"].to_numpy(dtype=float))
    place = pd.qcut(cells["probability"], bins, labels=False, duplicates="drop")
    return [_bin(part) for _, part in cells.groupby(place.fillna(0))]  # NaN: all are equal


def _bin(cells: pd.DataFrame) -> Bin:
    by_slide = cells.groupby("slide")["label"].agg(["sum", "size"])
    share, slides = float(cells["label"].mean()), len(by_slide)
    low = high = None
    if slides >= MINIMUM_SLIDES:
        apart = (by_slide["sum"] - share * by_slide["size"]).to_numpy()
        error = float(np.sqrt(slides / (slides - 1) * (apart**2).sum())) / len(cells)
        half = float(student.ppf((1 + LEVEL) / 2, slides - 1)) * error
        low, high = max(0.0, share - half), min(1.0, share + half)
    return Bin(float(cells["probability"].mean()), share, low, high, len(cells), slides)
