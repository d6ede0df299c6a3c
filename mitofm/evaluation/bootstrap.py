"""The bootstrap of slides: a slide is drawn with all its cells in all seeds.

A percentile interval (Efron and Tibshirani 1993, ch. 13; clusters as in Field and Welsh 2007, JRSS B 69:369). With few
slides it covers less than it says, so the logit-t interval of `statistics` is the default; draws serve where a quantity
has no standard error of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from mitofm.evaluation import metrics
from mitofm.evaluation.statistics import LEVEL, MINIMUM_SLIDES, Estimate

DRAWS = 2000
_AT_ONCE = 1_000_000
"""Weights in memory at a time, for metrics that need one per cell."""


def drawn(slides: int, rng: np.random.Generator, count: int = DRAWS) -> np.ndarray:
    """(count, slides): how often each slide is drawn, slides of them with replacement."""
    return rng.multinomial(slides, np.full(slides, 1 / slides), size=count).astype(float)


def auroc_of_draws(seeds: Sequence[pd.DataFrame], slides: Sequence[str], weights: np.ndarray) -> np.ndarray:
    """The mean over seeds of the AUROC of every draw; NaN where no seed has both classes.

    The pairs of a positive of one slide and a negative of another are counted once; a draw weighs the slide x slide
    matrix of wins and that of pairs.

    Args:
        seeds: for each seed a frame with slide, label and logit.
        slides: the S slides that are drawn from; those of the seeds are among them.
        weights: (draws, S) how often each is drawn.
    """
    values = []
    for seed in seeds:
        codes = pd.Index(slides).get_indexer(seed["slide"])
        present, within = np.unique(codes, return_inverse=True)
        won, pairs = won_and_all(seed["label"].to_numpy(), seed["logit"].to_numpy(dtype=float), within)
        taken = weights[:, present]
        total = ((taken @ pairs) * taken).sum(axis=1)
        values.append(
            np.divide(((taken @ won) * taken).sum(axis=1), total, np.full(len(taken), np.nan), where=total > 0)
        )
    return _mean_over_seeds(values)


def won_and_all(labels: np.ndarray, scores: np.ndarray, slides: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(S, S) twice: pairs of a positive of slide i and a negative of slide j that the positive wins, and all of them.

    Args:
        labels: (n,) of 0 and 1.
        scores: (n,) anything that ranks; a tie is half a win.
        slides: (n,) integers in [0, S).
    """
    count = int(slides.max()) + 1
    positive = np.asarray(labels) == 1
    order = np.argsort(scores[positive], kind="stable")
    scores_of, slide_of = scores[positive][order], slides[positive][order]
    won = np.empty((count, count))
    for slide in range(count):
        negatives = np.sort(scores[~positive & (slides == slide)])
        below = np.searchsorted(negatives, scores_of, "left") + np.searchsorted(negatives, scores_of, "right")
        won[:, slide] = np.bincount(slide_of, weights=below / 2, minlength=count)
    sizes = [np.bincount(slides[side], minlength=count).astype(float) for side in (positive, ~positive)]
    return won, np.outer(*sizes)


def of_draws(
    seeds: Sequence[pd.DataFrame], thresholds: Sequence[float], slides: Sequence[str], weights: np.ndarray
) -> dict[str, np.ndarray]:
    """Every metric of every draw, the mean over seeds; as `auroc_of_draws`, with the chosen threshold (log-odds) of each seed."""
    found: dict[str, list[np.ndarray]] = {}
    for seed, threshold in zip(seeds, thresholds, strict=True):
        codes = pd.Index(slides).get_indexer(seed["slide"])
        labels, logits = seed["label"].to_numpy(), seed["logit"].to_numpy(dtype=float)
        portions = np.array_split(weights, 1 + len(weights) * labels.size // _AT_ONCE)
        parts = [metrics.every(labels, logits, threshold, portion[:, codes]) for portion in portions]
        for name in parts[0]:
            found.setdefault(name, []).append(np.concatenate([part[name] for part in parts]))
    return {name: _mean_over_seeds(values) for name, values in found.items()}


def percentile(found: Estimate, draws: np.ndarray, level: float = LEVEL) -> Estimate:
    """`found` with the interval that holds the middle `level` of `draws`; none under six slides."""
    if found.value is None or found.slides < MINIMUM_SLIDES:
        return found
    low, high = np.nanquantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return replace(found, low=float(low), high=float(high), why="")


def _mean_over_seeds(values: Sequence[np.ndarray]) -> np.ndarray:
    """Over the seeds in which a draw has a value."""
    stacked = np.stack(values)
    known = np.isfinite(stacked)
    total = np.where(known, stacked, 0).sum(axis=0)
    return np.divide(total, known.sum(axis=0), out=np.full(total.shape, np.nan), where=known.any(axis=0))
