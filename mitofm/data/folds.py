"""Folds of whole slides: drawn at random, each with about its share of either class and of the slides."""

from __future__ import annotations

import numpy as np

from mitofm.data.covering import cover
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
    dealt, imbalance = _draw_divisions(counts, folds, rng)
    return _choose(dealt, imbalance, rng)[slide]


def divide(counts: np.ndarray, folds: int, minimum: int, rng: np.random.Generator) -> np.ndarray:
    """As `draw_folds`, but every fold holds at least `minimum` samples of either class.

    If no random division does, slides are placed in a random order by a search (`mitofm.data.covering`), and those that the
    minimum does without by the balance.

    Args:
        counts: int (n, 2), the samples of either class on each slide; `cover` divides them into so many folds.
        folds: how many.
        minimum: samples of either class in each fold.
        rng: draws.

    Returns:
        The fold (n,) of each slide, from 0.
    """
    dealt, imbalance = _draw_divisions(counts, folds, rng)
    held = np.stack([(dealt == fold).astype(int) @ counts for fold in range(folds)])
    enough = held.min(axis=(0, 2)) >= minimum
    if enough.any():
        return _choose(dealt[enough], imbalance[enough], rng)
    shares = _share_out(counts)
    order = _draw_orders(counts, shares, rng)[0]
    found = cover(counts, folds, minimum, order)
    if found is None:  # its search was too long from there
        found = cover(counts, folds, minimum)
    assert found is not None
    holds = np.stack([shares[found == fold].sum(axis=0) for fold in range(folds)])
    for slide in order[found[order] < 0]:
        found[slide] = np.argmin(holds @ shares[slide])
        holds[found[slide]] += shares[slide]
    return found


def _share_out(counts: np.ndarray) -> np.ndarray:
    """What each slide brings: int (n, 3), its share of the negatives, of the positives and of the slides."""
    held = np.column_stack([counts, np.ones(len(counts), dtype=int)])
    return -(-held * _UNIT // held.sum(axis=0))  # rounded up: what is there is never 0


def _draw_divisions(counts: np.ndarray, folds: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Random divisions: the fold of each slide (draws, n), and how far folds are from holding the same (draws,)."""
    shares = _share_out(counts)
    return _deal(shares, _draw_orders(counts, shares, rng), folds, rng)


def _choose(dealt: np.ndarray, imbalance: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A random one of the better balanced half of some divisions: (n,)."""
    _, divisions = np.unique(imbalance, return_index=True)  # best first; of few slides many draws are the same division
    return dealt[rng.choice(divisions[: (len(divisions) + 1) // 2])]


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
        missing = ((holds == 0) @ (brings > 0)[:, :, None])[:, :, 0]  # whether any: of booleans, a sum is an or
        # The sum of squares grows by twice this product and by what does not depend on the fold.
        cost = np.where(missing, -1, np.einsum("dfs,ds->df", holds, brings))
        to = np.argmin(cost + ties, axis=1)
        holds[draws, to] += brings
        dealt[draws, slides] = to
    return dealt, (holds**2).sum(axis=(1, 2))
