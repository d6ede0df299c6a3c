"""Strategy kfold: every slide tests once over the folds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mitofm.data.folds import draw_folds
from mitofm.data.splits.part import IN_DOMAIN, TEST, Sides, Strategy
from mitofm.data.splits.slides import draw_validation
from mitofm.ground.errors import MitofmError, unknown
from mitofm.ground.seeds import stream
from mitofm.ground.settings import Share


@dataclass(frozen=True, kw_only=True)
class KFold(Strategy):
    """Fold `fold` of `folds` tests (in_domain); folds hold whole slides, about the same share of each class.

    Attributes:
        fold: the fold that tests, from 0.
        folds: how many there are, at least 2.
        validation_share: share of the slides of the other folds that validates; None: none do.
    """

    fold: int = 0
    folds: int = 5
    validation_share: Share | None = 0.2

    def __post_init__(self) -> None:
        super().__post_init__()
        check_fold(self.fold, self.folds)

    def describe(self) -> str:
        """The training side in words: the fold that it does not hold."""
        return f"fold {self.fold}"

    def sides(self, table: pd.DataFrame, seed: int) -> Sides:
        """Raises Infeasible if the slides cannot make the folds, or the rest no validation."""
        fold = draw_folds(table["label"].to_numpy(), table["slide"].to_numpy(), self.folds, stream(seed, "folds"))
        rest = fold != self.fold
        part = np.full(len(table), TEST, dtype=object)
        part[rest] = draw_validation(table[rest], self.validation_share, seed)
        chance = np.full(len(table), 1 / self.folds)
        return Sides(part, np.where(part == TEST, IN_DOMAIN, "").astype(object), test_chance=chance)


def check_fold(fold: int, folds: int) -> None:
    """Raise MitofmError unless there are at least two `folds`, counted from 0, and `fold` is one of them."""
    if folds < 2:
        raise MitofmError(f"split.folds={folds}: at least 2 folds are needed")
    if fold not in range(folds):
        raise unknown("split.fold", fold, range(folds), f"split.folds={folds}")
