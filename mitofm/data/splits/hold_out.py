"""Holding slides out so that each has the same chance, and what is left can still be divided."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from mitofm.data.covering import cover
from mitofm.data.folds import divide
from mitofm.data.splits.part import TEST, TRAIN, VALIDATION
from mitofm.ground.errors import MitofmError

MIN_SAMPLES = 5  # of each class, in every part of a domain that trains
_MOST = 20  # groups
_ATTEMPTS = 200


@dataclass(frozen=True, eq=False)
class Parted:
    """Slides in parts.

    Attributes:
        part: (n,) objects: train, validation or test.
        test_chance: the chance of each slide to test, the same for all.
    """

    part: np.ndarray
    test_chance: float


def draw_parts(
    counts: np.ndarray, test_share: float, validation_share: float, rng: np.random.Generator
) -> Parted | None:
    """Draw test slides (`hold_out`), then of the others validation slides; what is left trains.

    Args:
        counts: int (n, 2), the samples of either class on each slide, slides in a fixed order.
        test_share: of the slides, nominally.
        validation_share: of the slides that do not test (`draw_slides`); more, if no so many hold enough.
        rng: draws.

    Returns:
        The parts, or None if no three parts hold `MIN_SAMPLES` of each class.
    """
    tests = hold_out(counts, test_share, TEST, 2, rng)
    if tests is None:
        return None
    held, chance = tests
    rest = counts[~held]
    validates = draw_slides(rest, validation_share, VALIDATION, rng)
    if validates is None:
        grouped = hold_out(rest, validation_share, VALIDATION, 1, rng)
        assert grouped is not None  # the groups that do not test are such
        validates = grouped[0]
    part = np.full(len(counts), TEST, dtype=object)
    part[~held] = np.where(validates, VALIDATION, TRAIN)
    return Parted(part, chance)


def draw_slides(counts: np.ndarray, share: float, part: str, rng: np.random.Generator) -> np.ndarray | None:
    """Draw a share of the slides, at least one, such that they and the others hold `MIN_SAMPLES` of each class.

    Rich slides are drawn more often than poor ones, so this is no draw for what is tested.

    Args:
        counts: int (n, 2), the samples of either class on each slide, slides in a fixed order.
        share: of the slides, 0 < share < 1.
        part: what they are drawn for, for the message.
        rng: gives the permutations of slides; the first feasible one is taken.

    Returns:
        Which slides (n,) are drawn, or None if no permutation of 200 is feasible.

    Raises:
        MitofmError: the share is not between 0 and 1.
    """
    size = max(1, min(share_of(len(counts), share, part), len(counts) - 1))
    if len(counts) < 2:
        return None
    for _ in range(_ATTEMPTS):
        shuffled = rng.permutation(len(counts))
        if np.add.reduceat(counts[shuffled], [0, size], axis=0).min() >= MIN_SAMPLES:
            drawn = np.zeros(len(counts), dtype=bool)
            drawn[shuffled[:size]] = True
            return drawn
    return None


def hold_out(
    counts: np.ndarray, share: float, part: str, others: int, rng: np.random.Generator
) -> tuple[np.ndarray, float] | None:
    """Draw slides to hold out: all are divided into groups, and some whole groups are drawn, each with the same chance.

    The method of random groups: a slide is in one group and groups are equally likely, so every slide has the chance
    groups drawn / groups, whatever else is in its group. A slide that is too poor to be held out alone is held out with
    others. There are as many groups as the slides can make with `MIN_SAMPLES` of each class in every group, such that the
    chance is nearest to `share`: a share of 0.2 is one group of five, or one of four or three if the slides make no more.
    How many there are depends on the slides alone, not on the draw.

    Args:
        counts: int (n, 2), the samples of either class on each slide, slides in a fixed order.
        share: of the slides that is nominally held out, 0 < share < 1.
        part: what they are held out for, for the message.
        others: how many parts, at least, the slides that are left must be able to make.
        rng: draws the groups (`mitofm.data.folds.divide`), and those that are held out.

    Returns:
        Which slides (n,) are held out, and the chance of each to be; None if the slides cannot make one group more than
        `others`.

    Raises:
        MitofmError: the share is not between 0 and 1.
    """
    share_of(len(counts), share, part)
    found = _count_groups(tuple(map(tuple, counts.tolist())), share, others)
    if found is None:
        return None
    groups, drawn = found
    group = divide(counts, groups, MIN_SAMPLES, rng)
    return np.isin(group, rng.permutation(groups)[:drawn]), drawn / groups


@lru_cache(maxsize=1000)  # cells of many seeds ask for the same slides
def _count_groups(slides: tuple[tuple[int, int], ...], share: float, others: int) -> tuple[int, int] | None:
    """How many groups these slides make, and how many of them are drawn; see `hold_out`."""
    counts = np.array(slides).reshape(-1, 2)
    impossible = int(np.minimum(counts, MIN_SAMPLES).sum(axis=0).min()) // MIN_SAMPLES + 1
    for groups, drawn in _list_shares(share, others):
        if groups >= impossible:
            continue
        if cover(counts, groups, MIN_SAMPLES) is not None:
            return groups, drawn
        impossible = groups
    return None


def share_of(total: int, share: float, part: str) -> int:
    """`share` of `total` as a whole number. MitofmError unless 0 < share < 1."""
    if not 0 < share < 1:
        raise MitofmError(f"split.{part}_share={share} is not between 0 and 1")
    return round(share * total)


def _list_shares(share: float, others: int) -> list[tuple[int, int]]:
    """(groups, drawn) that leave `others` groups, the share drawn nearest to `share` first, of equal ones fewer groups."""
    possible = [(groups, drawn) for groups in range(others + 1, _MOST + 1) for drawn in range(1, groups - others + 1)]
    return sorted(possible, key=lambda pair: (abs(pair[1] / pair[0] - share), pair[0]))
