"""Making a split from strategy, table, fraction and seed."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mitofm.data import fractions
from mitofm.data.annotations import VOTES, require_labels, units
from mitofm.data.splits.leak import check_no_leak
from mitofm.data.splits.part import TEST, TRAIN, UNUSED, VALIDATION, Sides, Split, Strategy
from mitofm.data.votes import agreement
from mitofm.ground.errors import Infeasible, MitofmError


def make(strategy: Strategy, table: pd.DataFrame, fraction: float, seed: int) -> Split:
    """Split `table`. The same (strategy, samples, fraction, seed) give the same split, whatever the order of the rows.

    Args:
        strategy: decides the sides.
        table: annotation table of N samples.
        fraction: how much of the training and validation sides is bought; the test part does not depend on it.
        seed: the seed of the cell; 0 is a seed.

    Raises:
        MitofmError: strategy or fraction is impossible, a slide or an image is on two sides, or samples have no label.
        Infeasible: training lacks a class, or every evaluation set does.
    """
    fractions.check(fraction, strategy.fraction_unit)
    canonical = np.argsort(table["sample_id"].to_numpy(), kind="stable")
    unit = units(require_labels(table))
    # The `slide` of strategies is the unit of independence: slides of a patient, or that show the same samples, are one.
    # A split file names slides as the table does: `own_slide`.
    samples = table.assign(slide=unit, own_slide=table["slide"]).iloc[canonical].reset_index(drop=True)
    sides = strategy.sides(samples, seed)
    _check_names(sides)
    if not strategy.leaks:
        check_no_leak(samples, sides.part)
    labels = samples["label"].to_numpy()
    what = f"split {strategy.name!r} ({strategy.describe()}) at seed {seed}"
    _check_training(labels, sides.part, what, sides.test_only)
    _check_test(labels, sides, what)

    part = sides.part.copy()
    order = np.full(len(samples), -1)
    rows = {side: np.flatnonzero(sides.part == side) for side in (TRAIN, VALIDATION)}
    train, validation = (samples.iloc[rows[side]] for side in rows)
    taken = fractions.buy(train, validation, fraction, strategy.fraction_unit, seed)
    for side, chosen in zip(rows, taken, strict=True):
        part[rows[side]] = UNUSED
        part[rows[side][chosen]] = side
        order[rows[side][chosen]] = np.arange(len(chosen))
    _check_training(labels, part, f"{what}, fraction {fraction:g}", sides.test_only)

    back = np.argsort(canonical)
    known = [column for column in ("species", "scanner") if column in table]  # for whoever compares domains
    frame = table.assign(slide=unit)[["sample_id", "slide", "domain", "label", *known]].reset_index(drop=True)
    if set(VOTES) <= set(table):  # for whoever compares what experts agree on with what they do not
        frame["agreement"] = agreement(table)
    chance = np.full(len(samples), np.nan) if sides.test_chance is None else sides.test_chance
    frame = frame.assign(
        part=part[back], evaluation_set=sides.evaluation_set[back], order=order[back], test_chance=chance[back]
    )
    return Split(
        frame=frame,
        strategy=strategy.name,
        test_only=sides.test_only,
        slide_unit=_slide_unit(table),
        confounded_with=sides.confounded_with,
    )


def _slide_unit(table: pd.DataFrame) -> str:
    """What a slide of the split is; "image" if a source knew of no slide and called it as the sample itself."""
    if "patient" in table:
        return "patient"
    return "image" if (table["slide"] == table["sample_id"]).any() else "slide"


def _check_names(sides: Sides) -> None:
    for name in pd.unique(sides.evaluation_set):
        if name == "all" or str(name).startswith("domain:"):
            raise MitofmError(f"an evaluation set cannot be called {name!r}: reports use that name. Rename it")


def _check_training(labels: np.ndarray, part: np.ndarray, what: str, test_only: tuple[str, ...]) -> None:
    trained = labels[part == TRAIN]
    positive = int(trained.sum())
    if not 0 < positive < len(trained):
        small = f". Domains too small to train on: {', '.join(test_only)}" if test_only else ""
        raise Infeasible(
            f"{what}: training holds {positive} positive and {len(trained) - positive} negative samples "
            f"and needs both{small}"
        )


def _check_test(labels: np.ndarray, sides: Sides, what: str) -> None:
    tested = sides.part == TEST
    classes = pd.Series(labels[tested]).groupby(sides.evaluation_set[tested]).nunique()
    if not (classes == 2).any():
        raise Infeasible(f"{what}: no evaluation set holds both classes ({int(tested.sum())} test samples)")
