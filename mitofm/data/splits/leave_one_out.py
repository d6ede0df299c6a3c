"""Strategy leave_one_out: train on all domains but one, test on that one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mitofm.data.splits.part import IN_DOMAIN, OUT_OF_DOMAIN, TEST, UNUSED, Sides, Strategy
from mitofm.data.splits.slides import assign
from mitofm.ground.settings import Share


@dataclass(frozen=True, kw_only=True)
class LeaveOneOut(Strategy):
    """Train on every domain but `domain`; test on all its slides (out_of_domain) and the others' test slides.

    Other domains that are too small to train on are unused: out_of_domain measures the domain left out and no other.

    Attributes:
        domain: the value of `by` that is left out; it need not be able to train.
        by: the column whose values are the domains: domain, scanner or species.
        test_share: share of each domain's slides that tests.
        validation_share: share of the other slides that validates.
    """

    domain: str
    by: str = "domain"
    test_share: Share = 0.2
    validation_share: Share = 0.2

    def describe(self) -> str:
        """The training side in words: all but the domain."""
        return f"all but {self.domain}"

    def sides(self, table: pd.DataFrame, seed: int) -> Sides:
        """Raises MitofmError for an unknown domain, Infeasible if there is no other."""
        slides = assign(table, self.by, seed, self.test_share, self.validation_share)
        slides.require_others(self.domain)
        out = slides.value == self.domain
        test_only = tuple(value for value in slides.test_only if value != self.domain)
        unused = np.isin(slides.value, test_only)
        part = np.where(out, TEST, np.where(unused, UNUSED, slides.part))
        chance = np.where(out, 1.0, np.where(unused, 0.0, slides.test_chance))
        tests = np.where(out, OUT_OF_DOMAIN, IN_DOMAIN).astype(object)
        return Sides(part, np.where(part == TEST, tests, ""), test_only, chance)
