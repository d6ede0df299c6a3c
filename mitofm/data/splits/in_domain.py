"""Strategy in_domain: train and test on the same domains, on different slides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mitofm.data.splits.by_domain import ByDomain
from mitofm.data.splits.part import IN_DOMAIN, OUT_OF_DOMAIN, TEST, Sides


@dataclass(frozen=True, kw_only=True)
class InDomain(ByDomain):
    """Train on every domain that can train; test on their test slides, and on all slides of the domains that cannot."""

    def describe(self) -> str:
        """The training side in words: all."""
        return "all"

    def sides(self, table: pd.DataFrame, seed: int) -> Sides:
        """Domains divided one by one. Raises MitofmError for a `by` the table cannot serve."""
        slides = self.assign(table, seed)
        tests = np.where(np.isin(slides.value, slides.test_only), OUT_OF_DOMAIN, IN_DOMAIN).astype(object)
        return Sides(slides.part, np.where(slides.part == TEST, tests, ""), slides.test_only, slides.test_chance)
