"""A permutation test of paired differences: whole slides change sides.

If two models were equal, which of them scored a slide would not matter. Exchanging their scores on a set of slides, in
all seeds at once, gives the difference that could as well have been seen (Bandos, Rockette and Gur 2005, Stat Med
24:2873, with slides in place of cases). Scores are ranks within either model, so that they can stand beside each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata

PERMUTATIONS = 10_000


def permute_slides(
    first: Mapping[Any, pd.DataFrame], second: Mapping[Any, pd.DataFrame], rng: np.random.Generator
) -> float | None:
    """Two-sided p value of equal AUROC (mean over the seeds of both); None if no seed has both classes.

    The observed exchange counts as one (Phipson and Smyth 2010, SAGMB 9:39), so p is at least 1 / 10,001.

    Args:
        first: for each seed a frame with sample_id, slide, label and logit.
        second: the same samples.
        rng: draws the exchanges.
    """
    parts = [
        measure_contributions(first[seed], second[seed])
        for seed in first
        if seed in second and first[seed]["label"].nunique() == 2
    ]
    if not parts:
        return None
    slides = pd.concat(parts, axis=1).fillna(0.0).mean(axis=1).to_numpy()
    signs = rng.choice([-1.0, 1.0], size=(PERMUTATIONS, slides.size))
    seen = abs(slides.sum()) * (1 - 1e-9)  # sums in another order may differ in the last digit
    return float((1 + np.count_nonzero(np.abs(signs @ slides) >= seen)) / (1 + PERMUTATIONS))


def measure_contributions(first: pd.DataFrame, second: pd.DataFrame) -> pd.Series:
    """What each slide adds to AUROC of `first` minus AUROC of `second`, and takes from it when exchanged.

    With X over Y the wins of positives scored by X over negatives scored by Y, the exchange with signs s (-1: exchanged)
    turns the difference into the sum of s_i c_i. There 2 c_i is, over the pairs that hold a sample of slide i: wins of
    first over first minus second over second, plus first over second minus second over first if the positive is of
    slide i, and the reverse if the negative is.
    """
    first, second = first.sort_values("sample_id"), second.sort_values("sample_id")
    positive = first["label"].to_numpy() == 1
    slide = first["slide"].to_numpy()
    ranks = [rankdata(side["logit"]) for side in (first, second)]
    each = np.zeros(len(first))
    for one, other in ((0, 0), (0, 1), (1, 0), (1, 1)):
        up, down = ranks[one][positive], ranks[other][~positive]
        won = _below(up, down)
        lost = positive.sum() - _below(down, up)  # the wins of positives over each negative
        sign = 1 if one == 0 else -1
        each[positive] += sign * won
        each[~positive] += lost * (sign if one == other else -sign)
    return pd.Series(each, slide).groupby(level=0).sum() / (2 * positive.sum() * (~positive).sum())


def _below(those: np.ndarray, others: np.ndarray) -> np.ndarray:
    """For each of `those` the number of `others` below it, equals counting one half."""
    ordered = np.sort(others)
    return (np.searchsorted(ordered, those, "left") + np.searchsorted(ordered, those, "right")) / 2
