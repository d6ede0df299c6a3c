"""What the strategies share that divide each domain on its own."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from mitofm.data.splits.part import Strategy
from mitofm.data.splits.slides import Assignment, assign
from mitofm.ground.settings import Share


@dataclass(frozen=True, kw_only=True)
class ByDomain(Strategy):
    """Divides the slides of each domain into test, validation and training slides.

    Attributes:
        by: the column whose values are the domains: domain, scanner or species.
        test_share: share of each domain's slides that tests, as near as they allow.
        validation_share: share of the other slides that validates.
    """

    by: str = "domain"
    test_share: Share = 0.2
    validation_share: Share = 0.2

    def assign(self, table: pd.DataFrame, seed: int) -> Assignment:
        """The parts of every domain. Raises MitofmError for a `by` the table cannot serve."""
        return assign(table, self.by, seed, self.test_share, self.validation_share)
