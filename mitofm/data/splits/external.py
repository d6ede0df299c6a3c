"""Strategy external: train on some data sets of a table, test on others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mitofm.data.sources.spelling import list_words
from mitofm.data.splits.part import TEST, UNUSED, Sides, Strategy
from mitofm.data.splits.slides import draw_validation
from mitofm.ground.errors import Infeasible, MitofmError, unknown
from mitofm.ground.settings import Share


@dataclass(frozen=True, kw_only=True)
class External(Strategy):
    """Train and validate on the slides of `train_on`; every sample of `test_on` tests, in a set named after its data set.

    Slides that both hold are left out of the training side.

    Attributes:
        train_on: one or more values of the table's `dataset` column.
        test_on: one or more others.
        validation_share: share of the training slides that validates.
    """

    train_on: str | Sequence[str]
    test_on: str | Sequence[str]
    validation_share: Share = 0.2

    def __post_init__(self) -> None:
        super().__post_init__()
        both = sorted(set(_list_names(self.train_on)) & set(_list_names(self.test_on)))
        if both:
            raise MitofmError(
                f"{', '.join(both)} is in split.train_on and in split.test_on: a data set can be in one of them"
            )

    def describe(self) -> str:
        """The training side in words: its data sets."""
        return " + ".join(_list_names(self.train_on))

    def sides(self, table: pd.DataFrame, seed: int) -> Sides:
        """Raises MitofmError for an unknown data set, Infeasible if training cannot spare a validation slide."""
        dataset = table["dataset"].to_numpy(dtype=object)
        trains = _are_of(dataset, self.train_on, "split.train_on")
        tests = _are_of(dataset, self.test_on, "split.test_on")
        # A slide that both hold tests, and does not train: no sample, nor one beside it, is on two sides.
        trains &= ~table["slide"].isin(table.loc[tests, "slide"].unique()).to_numpy()
        if not trains.any():
            raise Infeasible(
                f"every slide of split.train_on={self.train_on} is one of split.test_on={self.test_on}, too"
            )
        part = np.where(tests, TEST, UNUSED).astype(object)
        part[trains] = draw_validation(table[trains], self.validation_share, seed)
        return Sides(part, np.where(tests, dataset, ""), test_chance=tests.astype(float))


def _list_names(given: str | int | Sequence[str | int]) -> tuple[str, ...]:
    """As words: a data set may be named 2021, which a command line takes for a number."""
    return tuple(map(str, list_words(given)))


def _are_of(dataset: np.ndarray, names: str | Sequence[str], key: str) -> np.ndarray:
    """Which samples (N,) are of the data sets `names`. MitofmError for one that does not occur, or for none at all."""
    known = set(dataset)
    if not _list_names(names):
        raise MitofmError(f"{key} is empty. There is: {', '.join(sorted(known))}")
    for name in _list_names(names):
        if name not in known:
            raise unknown(key, name, known, "this table")
    return np.isin(dataset, _list_names(names))
