"""Strategy annotation: a random split of annotations. It leaks, and exists only to measure that leak."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mitofm.data.fractions import stratify
from mitofm.data.splits.hold_out import share_of
from mitofm.data.splits.part import IN_DOMAIN, TEST, TRAIN, VALIDATION, Sides, Strategy
from mitofm.ground.seeds import stream
from mitofm.ground.settings import Share


@dataclass(frozen=True, kw_only=True)
class Annotation(Strategy):
    """Samples, not slides, are drawn for test and validation, stratified by class and domain.

    Attributes:
        test_share: share of the samples that tests.
        validation_share: share of the other samples that validates.
    """

    test_share: Share = 0.2
    validation_share: Share = 0.2

    @property
    def leaks(self) -> bool:
        """Yes: a slide is on every side."""
        return True

    def describe(self) -> str:
        """The training side in words: all."""
        return "all"

    def sides(self, table: pd.DataFrame, seed: int) -> Sides:
        """Samples divided at random, slides ignored."""
        part = draw_samples(table, {TEST: self.test_share, VALIDATION: self.validation_share}, seed)
        return Sides(part, np.where(part == TEST, IN_DOMAIN, "").astype(object))


def draw_samples(table: pd.DataFrame, held_out: dict[str, float], seed: int) -> np.ndarray:
    """Samples drawn for the parts of `held_out` (share of the samples left, at least one), the rest trains: (N,) objects."""
    order = stratify(table, stream(seed, "annotation split"))
    part = np.full(len(table), TRAIN, dtype=object)
    for name, share in held_out.items():
        count = max(1, share_of(len(order), share, name))
        part[order[:count]], order = name, order[count:]
    return part
