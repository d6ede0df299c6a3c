"""Whether slides can be divided so that each part holds enough of both classes, and one division that does."""

from __future__ import annotations

import numpy as np

_EXACT = 3  # with so few parts there are few states, so the search always comes to its end
_STEPS = 20_000

Lacks = tuple[tuple[int, int], ...]


def cover(counts: np.ndarray, parts: int, minimum: int, order: np.ndarray | None = None) -> np.ndarray | None:
    """A division of n slides into parts, each with at least `minimum` samples of either class.

    A depth-first search that keeps for each part only what it lacks: what a part holds beyond the minimum, and which of two
    parts lacks it, makes no difference. With at most three parts the search is complete; with more it ends after 20,000 steps.

    Args:
        counts: int (n, 2), the samples of either class on each slide.
        parts: how many.
        minimum: samples of either class in each part.
        order: (n,) in which slides are placed; None: those that bring most first. It decides which division is found.

    Returns:
        The part (n,) of each slide, from 0; -1 if the others do without it. None if there is no such division, or if the
        search ended before it found one.
    """
    brings = np.minimum(counts, minimum)
    if order is None:
        order = np.argsort(-brings.sum(axis=1), kind="stable")
    placed = [slide for slide in order.tolist() if brings[slide].any()]
    to_come = np.cumsum(brings[placed][::-1], axis=0)[::-1].tolist()
    given = brings[placed].tolist()

    part = np.full(len(counts), -1)
    lacks: Lacks = ((minimum, minimum),) * parts
    seen: set[tuple[int, Lacks]] = set()
    path: list[
        tuple[Lacks, list[int]]
    ] = []  # before each slide placed: what was lacking, and the parts still to be tried
    while any(map(any, lacks)):
        depth = len(path)
        state = depth, tuple(sorted(lacks))
        hopeless = state in seen or depth == len(placed) or _falls_short(lacks, to_come[depth])
        if hopeless:
            while path and not path[-1][1]:
                path.pop()
                part[placed[len(path)]] = -1
            if not path or (parts > _EXACT and len(seen) > _STEPS):
                return None
            lacks, choices = path[-1]
            depth = len(path) - 1
        else:
            seen.add(state)
            choices = _list_choices(lacks, given[depth])
            path.append((lacks, choices))
        to = choices.pop()
        part[placed[depth]] = to
        lacks = _fill(lacks, to, given[depth])
    return part


def _falls_short(lacks: Lacks, to_come: list[int]) -> bool:
    """Whether the slides to come, together, bring less of a class than all parts together lack."""
    return any(sum(one[label] for one in lacks) > to_come[label] for label in (0, 1))


def _list_choices(lacks: Lacks, gives: list[int]) -> list[int]:
    """The parts to try for a slide, the best last: those that lack the same are one, those that it helps most are best."""
    different = {lack: part for part, lack in enumerate(lacks)}
    return sorted(different.values(), key=lambda part: sum(map(min, lacks[part], gives)))


def _fill(lacks: Lacks, to: int, gives: list[int]) -> Lacks:
    filled = tuple(max(0, lack - given) for lack, given in zip(lacks[to], gives, strict=True))
    return (*lacks[:to], (filled[0], filled[1]), *lacks[to + 1 :])
