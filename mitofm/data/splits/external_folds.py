"""Strategy external_folds: folds of some data sets, each tested on the same held-out slides and on other data sets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mitofm.data.folds import draw_folds
from mitofm.data.splits.external import External
from mitofm.data.splits.kfold import check_fold
from mitofm.data.splits.part import IN_DOMAIN, TEST, TRAIN, VALIDATION, Sides
from mitofm.ground.errors import MitofmError
from mitofm.ground.seeds import stream
from mitofm.ground.settings import Share


@dataclass(frozen=True, kw_only=True)
class ExternalFolds(External):
    """The protocol of arXiv 2506.21444: folds stratified by label and grouped by slide, three test sets for each fold.

    Of the slides of `train_on` a share is held out (in_domain); of the rest one fold validates and the others train.
    Every sample of `test_on` tests, in a set named after its data set. No test set depends on the fold.

    Attributes:
        fold: the fold that validates, from 0.
        folds: how many there are, at least 2.
        test_share: share of the samples of `train_on` that is held out, one of round(1 / share) folds; at most a half.
    """

    fold: int = 0
    folds: int = 5
    test_share: Share = 0.2

    def __post_init__(self) -> None:
        super().__post_init__()
        check_fold(self.fold, self.folds)
        if not 0 < self.test_share <= 0.5:
            raise MitofmError(f"split.test_share={self.test_share}: give a share above 0, and at most a half")

    def describe(self) -> str:
        """The training side in words: the fold that it does not hold."""
        return f"fold {self.fold}"

    def sides(self, table: pd.DataFrame, seed: int) -> Sides:
        """Raises as external does, and Infeasible if the slides cannot make the folds."""
        outside = super().sides(table, seed)
        rows = np.flatnonzero(np.isin(outside.part, (TRAIN, VALIDATION)))
        groups = round(1 / self.test_share)
        held_out = _draw_folds(table.iloc[rows], groups, seed, "held out") == 0
        tested, rest = rows[held_out], rows[~held_out]
        part, tests = outside.part.copy(), outside.evaluation_set.copy()
        part[tested], tests[tested] = TEST, IN_DOMAIN
        validates = _draw_folds(table.iloc[rest], self.folds, seed, "folds") == self.fold
        part[rest] = np.where(validates, VALIDATION, TRAIN)
        chance = (outside.part == TEST).astype(float)
        chance[rows] = 1 / groups
        return Sides(part, tests, test_chance=chance)


def _draw_folds(table: pd.DataFrame, folds: int, seed: int, purpose: str) -> np.ndarray:
    return draw_folds(table["label"].to_numpy(), table["slide"].to_numpy(), folds, stream(seed, purpose))
