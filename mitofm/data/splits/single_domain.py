"""Strategy single_domain: train on one domain, test on it and on every other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mitofm.data.splits.by_domain import ByDomain
from mitofm.data.splits.part import IN_DOMAIN, OUT_OF_DOMAIN, TEST, UNUSED, Sides


@dataclass(frozen=True, kw_only=True)
class SingleDomain(ByDomain):
    """Train on `domain`; test on its test slides (in_domain) and on the test slides of every other (out_of_domain).

    The test slides are those of strategy in_domain at the same seed, so the two compare sample by sample.

    Attributes:
        domain: the value of `by` that trains.
    """

    domain: str

    def describe(self) -> str:
        """The training side in words: the domain."""
        return self.domain

    def sides(self, table: pd.DataFrame, seed: int) -> Sides:
        """Raises MitofmError for an unknown domain, Infeasible for one too small to train on."""
        slides = self.assign(table, seed)
        slides.require_trainable(self.domain)
        own = slides.value == self.domain
        part = np.where(own | (slides.part == TEST), slides.part, UNUSED)
        tests = np.where(own, IN_DOMAIN, OUT_OF_DOMAIN).astype(object)
        return Sides(part, np.where(part == TEST, tests, ""), slides.test_only, slides.test_chance)
