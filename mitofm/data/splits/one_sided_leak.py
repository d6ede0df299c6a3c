"""Strategy one_sided_leak: single_domain, but tested in-domain on slides it was trained on. Only to measure that."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mitofm.data.splits.annotation import draw_samples
from mitofm.data.splits.part import IN_DOMAIN, TEST, VALIDATION, Sides
from mitofm.data.splits.single_domain import SingleDomain


@dataclass(frozen=True, kw_only=True)
class OneSidedLeak(SingleDomain):
    """As single_domain, but the samples of `domain` are divided one by one: its test samples lie on training slides.

    The other domains test on the samples they test on in single_domain, of which no slide was trained on: what the leak
    adds to the in-domain side alone looks like a cost of changing the domain.
    """

    @property
    def leaks(self) -> bool:
        """Yes: the domain's slides are on every side."""
        return True

    def sides(self, table: pd.DataFrame, seed: int) -> Sides:
        """Raises as single_domain does."""
        sides = super().sides(table, seed)
        own = (table[self.by] == self.domain).to_numpy()
        part, tests = sides.part.copy(), sides.evaluation_set.copy()
        part[own] = draw_samples(table[own], {TEST: self.test_share, VALIDATION: self.validation_share}, seed)
        tests[own] = np.where(part[own] == TEST, IN_DOMAIN, "")
        assert sides.test_chance is not None
        return Sides(part, tests, sides.test_only, np.where(own, np.nan, sides.test_chance))
