"""Strategy leave_one_out: train on all domains but one, test on that one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mitofm.data.splits.by_domain import ByDomain
from mitofm.data.splits.part import IN_DOMAIN, OUT_OF_DOMAIN, TEST, UNUSED, Sides
from mitofm.data.splits.slides import BY

MOSTLY = 0.5  # of the samples of another domain, if it is said to be missing, too


@dataclass(frozen=True, kw_only=True)
class LeaveOneOut(ByDomain):
    """Train on every domain but `domain`; test on all its slides (out_of_domain) and the others' test slides.

    Other domains that are too small to train on are unused: out_of_domain measures the domain left out and no other.

    Attributes:
        domain: the value of `by` that is left out; it need not be able to train.
    """

    domain: str

    def describe(self) -> str:
        """The training side in words: all but the domain."""
        return f"all but {self.domain}"

    def sides(self, table: pd.DataFrame, seed: int) -> Sides:
        """Raises MitofmError for an unknown domain, Infeasible if there is no other."""
        slides = self.assign(table, seed)
        slides.require_others(self.domain)
        out = slides.value == self.domain
        test_only = tuple(value for value in slides.test_only if value != self.domain)
        unused = np.isin(slides.value, test_only)
        part = np.where(out, TEST, np.where(unused, UNUSED, slides.part))
        chance = np.where(out, 1.0, np.where(unused, 0.0, slides.test_chance))
        tests = np.where(out, OUT_OF_DOMAIN, IN_DOMAIN).astype(object)
        confounded = find_confounded(table, out, self.by)
        return Sides(part, np.where(part == TEST, tests, ""), test_only, chance, confounded)


def find_confounded(table: pd.DataFrame, out: np.ndarray, by: str) -> dict[str, float]:
    """What goes with a domain that is left out: values of the other columns that tell domains apart, largest share first.

    Args:
        table: annotation table of N samples.
        out: (N,) whether a sample is left out.
        by: the column by which it is.

    Returns:
        "scanner Leica SCN400" -> the share of its samples that is left out, if it is at least `MOSTLY`. To leave out all of a
        scanner's slides can take a tumor with them: then a loss of accuracy is that of either.
    """
    shares: dict[str, float] = {}
    for column in BY:
        if column != by and column in table:
            of_values = pd.Series(out).groupby(table[column].to_numpy()).mean()
            shares |= {f"{column} {value}": float(share) for value, share in of_values.items() if share >= MOSTLY}
    return dict(sorted(shares.items(), key=lambda one: (-one[1], one[0])))
