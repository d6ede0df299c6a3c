"""Strategy single_domain: train on one domain, test on it and on every other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mitofm.data.splits.part import IN_DOMAIN, OUT_OF_DOMAIN, TEST, UNUSED, Sides, Strategy
from mitofm.data.splits.slides import assign
from mitofm.ground.settings import Share


@dataclass(frozen=True, kw_only=True)
class SingleDomain(Strategy):
    """Train on `domain`; test on its test slides (in_domain) and on the test slides of every other (out_of_domain).

    The test slides are those of strategy in_domain at the same seed, so the two compare sample by sample.

    Attributes:
        domain: the value of `by` that trains.
        by: the column whose values are the domains: domain, scanner or species.
        test_share: share of each domain's slides that tests.
        validation_share: share of the other slides that validates.
    """

    domain: str
    by: str = "domain"
    test_share: Share = 0.2
    validation_share: Share = 0.2

    def describe(self) -> str:
        """The training side in words: the domain."""
        return self.domain

    def sides(self, table: pd.DataFrame, seed: int) -> Sides:
        """Raises MitofmError for an unknown domain, Infeasible for one too small to train on."""
        slides = assign(table, self.by, seed, self.test_share, self.validation_share)
        slides.require_trainable(self.domain)
        own = slides.value == self.domain
        part = np.where(own | (slides.part == TEST), slides.part, UNUSED)
        tests = np.where(own, IN_DOMAIN, OUT_OF_DOMAIN).astype(object)
        return Sides(part, np.where(part == TEST, tests, ""), slides.test_only, slides.test_chance)
