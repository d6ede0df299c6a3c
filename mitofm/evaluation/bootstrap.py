"""The bootstrap of slides: a slide is drawn with all its samples in all seeds (clusters as in Field and Welsh 2007, JRSS B
69:369). With few slides its percentile intervals cover less than they say, so the logit-t interval of `statistics` is the
default; draws serve quantities without a standard error of their own, such as scaling laws.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from mitofm.evaluation import metrics
from mitofm.evaluation.replicates import Replicates

DRAWS = 2000


def draw_slides(slides: int, rng: np.random.Generator, count: int = DRAWS) -> np.ndarray:
    """(count, slides): how often each slide is drawn; every draw takes as many slides as there are, with replacement."""
    return rng.multinomial(slides, np.full(slides, 1 / slides), size=count).astype(float)


def name_slides(measured: Iterable[Mapping[Any, Replicates]]) -> list[str]:
    """All slides of several configurations, sorted."""
    return sorted({slide for seeds in measured for seed in seeds.values() for slide in seed.slides})


def values_of_draws(
    seeds: Mapping[Any, Replicates], slides: Sequence[str], weights: np.ndarray, metric: str = "auroc"
) -> np.ndarray:
    """(draws,) the mean over seeds of a metric in every draw, to first order in what each slide moves it by.

    Far cheaper than measuring each draw (the infinitesimal jackknife, Efron and Tibshirani 1993, ch. 22): for orders of many
    configurations, which need the draws of all of them.

    Args:
        seeds: what each seed measured; the metric is defined in all.
        slides: the S slides that are drawn from; those of the seeds are among them.
        weights: (draws, S) how often each is drawn.
    """
    place = {slide: number for number, slide in enumerate(slides)}
    value, moves = 0.0, np.zeros(len(slides))
    for seed in seeds.values():
        values = seed.of(metric)
        own = len(seed.slides)
        value += values[0] / len(seeds)
        for slide, without in zip(seed.slides, values[1:], strict=True):
            # A slide without which the metric is not defined moves it by an unknown amount: by none, as least surprising.
            moves[place[slide]] += 0.0 if np.isnan(without) else (own - 1) / own * (values[0] - without) / len(seeds)
    return value + (weights - 1) @ moves


def auroc_of_draws(seeds: Sequence[pd.DataFrame], slides: Sequence[str], weights: np.ndarray) -> np.ndarray:
    """The mean of the AUROC of every draw over the seeds in which it has both classes; NaN if none has.

    The pairs of a positive of one slide and a negative of another are counted once; a draw weighs the slide x slide
    matrix of wins and that of pairs.

    Args:
        seeds: for each seed a frame with slide, label and logit, and test_chance if known.
        slides: the S slides that are drawn from; those of the seeds are among them.
        weights: (draws, S) how often each is drawn.
    """
    values = []
    for seed in seeds:
        codes = pd.Index(slides).get_indexer(seed["slide"])
        present, within = np.unique(codes, return_inverse=True)
        won, pairs = count_wins(seed["label"].to_numpy(), seed["logit"].to_numpy(dtype=float), within)
        taken = weights[:, present]
        by_chance = metrics.weigh(seed)
        if by_chance is not None:  # equal for all samples of a slide
            taken = taken * by_chance[np.unique(within, return_index=True)[1]]
        total = ((taken @ pairs) * taken).sum(axis=1)
        values.append(
            np.divide(((taken @ won) * taken).sum(axis=1), total, np.full(len(taken), np.nan), where=total > 0)
        )
    stacked = np.stack(values)
    known = np.isfinite(stacked)
    total = np.where(known, stacked, 0).sum(axis=0)
    return np.divide(total, known.sum(axis=0), out=np.full(total.shape, np.nan), where=known.any(axis=0))


def count_wins(labels: np.ndarray, scores: np.ndarray, slides: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
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
