"""Folds of whole slides: drawn at random, each with about its share of either class and of the slides."""

from __future__ import annotations

import numpy as np

from mitofm.ground.errors import Infeasible

_DRAWS = 64
_UNIT = 10**7  # shares are whole numbers of this: sums are exact, so that no machine breaks a tie in another way


def draw_folds(labels: np.ndarray, slides: np.ndarray, folds: int, rng: np.random.Generator) -> np.ndarray:
    """The fold (N,), from 0, of each of N samples; every fold holds whole slides and both classes.

    Constrained randomisation, as for the clusters of a trial (Raab and Butcher 2001, Statistics in Medicine 20:351): of many
    random divisions into folds, a random one of the better balanced half is taken. Balanced are each fold's shares of the
    negatives, of the positives and of the slides. A slide is as likely to be in one fold as in another.

    Args:
        labels: int (N,), 0 or 1.
        slides: (N,) names; the order of samples does not matter.
        folds: how many.
        rng: draws; equal generators and equal samples give equal folds.

    Raises:
        Infeasible: in no division would every fold hold both classes.
    """
    names, slide = np.unique(np.asarray(slides, dtype=str), return_inverse=True)
    counts = np.stack([np.bincount(slide, labels == label, len(names)) for label in (0, 1)], axis=1).astype(int)
    negative, positive = (counts > 0).sum(axis=0)
    if min(negative, positive) < folds:
        raise Infeasible(
            f"{len(names)} slides, {positive} with positive and {negative} with negative samples, cannot make {folds} folds "
            "that hold both classes"
        )
    held = np.column_stack([counts, np.ones(len(names), dtype=int)])
    shares = -(-held * _UNIT // held.sum(axis=0))  # rounded up: what is there is never 0
    dealt, imbalance = _deal(shares, _draw_orders(counts, shares, rng), folds, rng)
    _, divisions = np.unique(imbalance, return_index=True)  # best first; of few slides many draws are the same division
    return dealt[rng.choice(divisions[: (len(divisions) + 1) // 2])][slide]


def _draw_orders(counts: np.ndarray, shares: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Random orders of n slides: (draws, n). Large ones tend to come early, so that small ones can make up for them.

    Slides of one class come last: were they first, a fold could be left without the other.
    """
    late = rng.random((_DRAWS, len(shares))) / shares.sum(axis=1)
    return np.lexsort((late, np.broadcast_to((counts == 0).any(axis=1), late.shape)))


def _deal(
    shares: np.ndarray, orders: np.ndarray, folds: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Deal slides out in each of the orders, each slide to the fold that has least of what it brings.

    Args:
        shares: int (n, 3), each column about `_UNIT` in sum.
        orders: (draws, n) slides.
        folds: how many.
        rng: decides between equal folds.

    Returns:
        The fold of each slide (draws, n), and the sum of squares of what folds hold (draws,), least if all hold the
        same.
    """
    draws = np.arange(len(orders))
    dealt = np.empty_like(orders)
    holds = np.zeros((len(orders), folds, shares.shape[1]), dtype=int)
    ties = rng.random((len(orders), folds))
    for slides in orders.T:
        brings = shares[slides]
        missing = ((holds == 0) & (brings[:, None] > 0)).any(axis=2)
        # The sum of squares grows by twice this product and by what does not depend on the fold.
        cost = np.where(missing, -1, np.einsum("dfs,ds->df", holds, brings))
        to = np.argmin(cost + ties, axis=1)
        holds[draws, to] += brings
        dealt[draws, slides] = to
    return dealt, (holds**2).sum(axis=(1, 2))
