"""Strategy domain_count: train on a number of domains, always on equally many samples, and test on one that is left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mitofm.data.fractions import stratify
from mitofm.data.splits.part import IN_DOMAIN, OUT_OF_DOMAIN, TEST, TRAIN, UNUSED, VALIDATION, Sides, Strategy
from mitofm.data.splits.slides import assign
from mitofm.ground.errors import Infeasible, MitofmError
from mitofm.ground.seeds import stream
from mitofm.ground.settings import Share


@dataclass(frozen=True, kw_only=True)
class DomainCount(Strategy):
    """Train on `count` domains, in equal shares, as many samples as the smallest domain alone could give.

    Per seed the domains that can train come in one order, and a count takes the first of them. Both test sets are the
    same for every count: all slides of `domain` (out_of_domain), and the test slides of the first domain of the order,
    which is trained on at every count (in_domain).

    Attributes:
        count: how many domains train, from 1.
        domain: the value of `by` that is left out to test on.
        by: the column whose values are the domains: domain, scanner or species.
        test_share: share of each domain's slides that tests.
        validation_share: share of the other slides that validates.
    """

    count: int
    domain: str
    by: str = "domain"
    test_share: Share = 0.2
    validation_share: Share = 0.2

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.count, int) or self.count < 1:
            raise MitofmError(f"split.count={self.count}: give a number of domains, at least 1")

    def describe(self) -> str:
        """The training side in words."""
        return f"{self.count} domain{'s' * (self.count > 1)} but {self.domain}"

    def sides(self, table: pd.DataFrame, seed: int) -> Sides:
        """Raises MitofmError for an unknown domain, Infeasible if fewer than `count` others can train."""
        slides = assign(table, self.by, seed, self.test_share, self.validation_share)
        slides.require_others(self.domain)
        able = sorted(set(slides.value) - {self.domain, *slides.test_only})
        if len(able) < self.count:
            raise Infeasible(
                f"split.count={self.count}: besides {self.domain!r} only {len(able)} can train: {', '.join(able) or 'none'}"
            )
        order = [able[place] for place in stream(seed, "domains", self.domain).permutation(len(able))]
        out, first = slides.value == self.domain, slides.value == order[0]
        part = np.full(len(table), UNUSED, dtype=object)
        part[out | (first & (slides.part == TEST))] = TEST
        for side in (TRAIN, VALIDATION):
            samples = {value: np.flatnonzero((slides.value == value) & (slides.part == side)) for value in able}
            size = min(map(len, samples.values()))
            for share, value in zip(_divide(size, self.count), order, strict=False):
                part[_take(table, samples[value], share, seed, side)] = side
        tests = np.where(out, OUT_OF_DOMAIN, IN_DOMAIN).astype(object)
        test_only = tuple(value for value in slides.test_only if value != self.domain)
        chance = np.where(out, 1.0, np.where(np.isin(slides.value, able), slides.test_chance / len(able), 0.0))
        return Sides(part, np.where(part == TEST, tests, ""), test_only, chance)


def _divide(size: int, count: int) -> list[int]:
    """`size` as `count` whole numbers that differ by at most one."""
    return [size // count + (place < size % count) for place in range(count)]


def _take(table: pd.DataFrame, rows: np.ndarray, number: int, seed: int, side: str) -> np.ndarray:
    """A number of `rows`, the first of one stratified order, so that fewer of them are among more."""
    samples = table.iloc[rows]
    return rows[stratify(samples, stream(seed, "domain count", side, samples["domain"].iloc[0]))[:number]]
