"""Buying labels: each seed has one order of the samples of a side, and a fraction takes the first of them.

The order does not depend on the fraction, so a smaller fraction is part of every larger one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mitofm.ground.errors import Infeasible, MitofmError, unknown
from mitofm.ground.seeds import stream

if TYPE_CHECKING:
    import pandas as pd

UNITS = ("annotation", "slide", "slide_share")


def check(fraction: float, unit: str) -> None:
    """Refuse a fraction that cannot be bought in `unit`.

    Raises:
        MitofmError: the unit is unknown, or the fraction is not in 0 < f <= 1 (annotation, slide_share) or no whole
            number >= 1 (slide).
    """
    if unit not in UNITS:
        raise unknown("split.fraction_unit", unit, UNITS)
    if unit != "slide" and not 0 < fraction <= 1:
        raise MitofmError(f"fraction={fraction} is not in 0 < fraction <= 1 (split.fraction_unit=slide counts slides)")
    if unit == "slide" and not (fraction >= 1 and float(fraction).is_integer()):
        raise MitofmError(
            f"fraction={fraction} is no number of slides: with split.fraction_unit=slide give 1, 2, 4, ..."
        )


def stratify(samples: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """A random order of n samples in which every prefix has the class proportions of the whole, to within one sample.

    Sample j of a class of n_c samples goes to place (j + 1/2) / n_c, which spreads both classes evenly (each is then at
    most half a sample off its share). Inside a class the domains are spread in the same way, but with a random phase
    instead of 1/2, so that no small domain is systematically early or late.

    Args:
        samples: n rows with label and domain.
        rng: draws the order; equal generators and equal inputs give equal orders.

    Returns:
        (n,) positions.
    """
    order = rng.permutation(len(samples))
    label = samples["label"].to_numpy(dtype=int)[order]
    domain, domains = samples["domain"].factorize(sort=True)
    names, group = np.unique(label * len(domains) + domain[order], return_inverse=True)
    spread = np.argsort(_place(group, rng.random(len(names))[group]), kind="stable")
    return order[spread][np.argsort(_place(label[spread], 0.5), kind="stable")]


def _place(group: np.ndarray, phase: np.ndarray | float) -> np.ndarray:
    """The place (n,), from 0 to 1, of each sample among those of its group, which are in order; groups count from 0."""
    size = np.bincount(group)
    before = np.empty(len(group), dtype=int)
    before[np.argsort(group, kind="stable")] = np.arange(len(group)) - np.repeat(np.cumsum(size) - size, size)
    return (before + phase) / size[group]


def buy(
    train: pd.DataFrame, validation: pd.DataFrame, fraction: float, unit: str, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """The samples of both sides that `fraction` buys, in the order they are bought.

    Args:
        train: the samples of the training side (slide, domain, label), sorted by sample_id.
        validation: those of the validation side, likewise.
        fraction: a share of the samples of each side (unit "annotation"), a share of its slides (unit "slide_share"), or a
            number of training slides (unit "slide"), to which validation slides are added in the same proportion. At
            least one of each.
        unit: one of `UNITS`.
        seed: the seed of the cell.

    Returns:
        Positions in `train` and in `validation`.

    Raises:
        MitofmError: the fraction makes no sense in this unit.
        Infeasible: more slides are asked for than there are.
    """
    check(fraction, unit)
    sides = {"train": train, "validation": validation}
    orders = {side: stratify(samples, stream(seed, "subset", side)) for side, samples in sides.items()}
    if unit == "annotation":
        kept = {side: order[: _count(fraction, len(order))] for side, order in orders.items()}
    else:
        slides = train["slide"].nunique() if unit == "slide" else 1
        if fraction > slides:
            raise Infeasible(f"fraction={fraction:g} slides were asked for, but the training side has {slides}")
        share = fraction / slides
        kept = {
            side: _take_first_slides(sides[side], order, share, stream(seed, "subset slides", side))
            for side, order in orders.items()
        }
    return kept["train"], kept["validation"]


def _count(share: float, of: int) -> int:
    return max(1, round(share * of))


def _take_first_slides(side: pd.DataFrame, order: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    codes, names = side["slide"].factorize(sort=True)
    rank = rng.permutation(len(names))[codes]
    by_slide = order[np.argsort(rank[order], kind="stable")]
    return by_slide[rank[by_slide] < _count(share, len(names))]
