"""Strategy annotation: a random split of annotations. It leaks, and exists only to measure what that leak is worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from mitofm.data.fractions import stratified_order
from mitofm.data.splits.part import IN_DOMAIN, TEST, TRAIN, VALIDATION, Sides, Strategy
from mitofm.data.splits.slides import share_of
from mitofm.seeds import stream


@dataclass(frozen=True, kw_only=True)
class Annotation(Strategy):
    """Cells, not slides, are drawn for test and validation, stratified by class and domain.

    Attributes:
        test_share: share of the cells that tests.
        validation_share: share of the other cells that validates.
    """

    leaks: ClassVar[bool] = True

    test_share: float = 0.2
    validation_share: float = 0.2

    def describe(self) -> str:
        """The training side in words: all."""
        return "all"

    def sides(self, table: pd.DataFrame, seed: int) -> Sides:
        """Cells divided at random, slides ignored."""
        order = stratified_order(
            table["label"].to_numpy(), table["domain"].to_numpy(), stream(seed, "annotation split")
        )
        tests = max(1, share_of(len(order), self.test_share, TEST))
        validations = max(1, share_of(len(order) - tests, self.validation_share, VALIDATION))
        part = np.full(len(table), TRAIN, dtype=object)
        part[order[:tests]] = TEST
        part[order[tests : tests + validations]] = VALIDATION
        return Sides(part, np.where(part == TEST, IN_DOMAIN, "").astype(object))
