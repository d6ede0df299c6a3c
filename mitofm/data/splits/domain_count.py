"""Strategy domain_count: train on a number of domains, on equally many slides and samples, and test on one that is left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mitofm.data.splits.by_domain import ByDomain
from mitofm.data.splits.part import IN_DOMAIN, OUT_OF_DOMAIN, TEST, TRAIN, UNUSED, VALIDATION, Sides
from mitofm.data.splits.slides import Assignment
from mitofm.ground.errors import Infeasible, MitofmError
from mitofm.ground.seeds import stream


@dataclass(frozen=True, kw_only=True)
class DomainCount(ByDomain):
    """Train on `count` domains: every count trains on the same number of slides and of samples, in equal shares by domain.

    Per seed the domains that can train come in one order, and a count takes the first of them. Of each it takes the slides
    with most samples, of both classes and in turn from each slide, as many samples as every count can give. Test and
    validation are the same for every count: all slides of `domain` test (out_of_domain), and of the first domain of the
    order, which is trained on at every count, the test slides do (in_domain) and the validation slides validate.

    Attributes:
        count: how many domains train, from 1.
        domain: the value of `by` that is left out to test on.
        slides: how many slides train at every count. The first domain has as many in training, the others half of it.
            None: as many as the domain with the fewest has.
    """

    count: int
    domain: str
    slides: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.count, int) or self.count < 1:
            raise MitofmError(f"split.count={self.count}: give a number of domains, at least 1")
        if self.slides is not None and (not isinstance(self.slides, int) or self.slides < self.count):
            raise MitofmError(
                f"split.slides={self.slides}: give null, or at least one for each of {self.count} domains"
            )

    def describe(self) -> str:
        """The training side in words."""
        return f"{self.count} domain{'s' * (self.count > 1)} but {self.domain}"

    def sides(self, table: pd.DataFrame, seed: int) -> Sides:
        """Raises MitofmError for an unknown domain, Infeasible if fewer than `count` others can train."""
        assigned = self.assign(table, seed)
        assigned.require_others(self.domain)
        able = sorted(set(assigned.value) - {self.domain, *assigned.test_only})
        if len(able) < self.count:
            raise Infeasible(
                f"split.count={self.count}: besides {self.domain!r} only {len(able)} can train: {', '.join(able) or 'none'}"
            )
        trains = {value: _rank_slides(table, assigned, value) for value in able}
        slides = min(map(len, trains.values())) if self.slides is None else self.slides
        order = self._order(trains, slides, seed)
        most = min(slides, len(order))
        chosen = {count: _choose(trains, order[:count], slides) for count in range(1, most + 1)}
        rows = {count: [np.flatnonzero(table["slide"].isin(names)) for names in each] for count, each in chosen.items()}
        size = min(count * min(map(len, each)) for count, each in rows.items())

        out, first = assigned.value == self.domain, assigned.value == order[0]
        part = np.full(len(table), UNUSED, dtype=object)
        part[out | (first & (assigned.part == TEST))] = TEST
        part[first & (assigned.part == VALIDATION)] = VALIDATION
        for share, own, value in zip(_divide(size, self.count), rows[self.count], order, strict=False):
            spread = _spread(table.iloc[own], stream(seed, "domain count", value))
            part[own[spread[:share]]] = TRAIN
        tests = np.where(out, OUT_OF_DOMAIN, IN_DOMAIN).astype(object)
        test_only = tuple(value for value in assigned.test_only if value != self.domain)
        # Which domain comes first depends on its draw if a number of slides is asked for: then its chance is not known.
        by_first = assigned.test_chance / len(able) if self.slides is None else np.nan
        chance = np.where(out, 1.0, np.where(np.isin(assigned.value, able), by_first, 0.0))
        return Sides(part, np.where(part == TEST, tests, ""), test_only, chance)

    def _order(self, trains: dict[str, list[str]], slides: int, seed: int) -> list[str]:
        """The domains with enough training slides, in the order of the seed; Infeasible if they are fewer than `count`."""
        able = list(trains)
        order = [able[place] for place in stream(seed, "domains", self.domain).permutation(len(able))]
        first = next((value for value in order if len(trains[value]) >= slides), None)
        others = [value for value in order if value != first and len(trains[value]) >= slides // 2]
        if first is None or len(others) + 1 < self.count or slides < self.count:
            has = ", ".join(f"{value} {len(names)}" for value, names in trains.items())
            raise Infeasible(
                f"split.count={self.count} at {slides} training slides (split.slides): each domain gives one or more, the "
                f"first domain can give all, and others half of them. Training slides there are: {has}"
            )
        return [first, *others]


def _rank_slides(table: pd.DataFrame, assigned: Assignment, value: str) -> list[str]:
    """The training slides of a domain, those with most samples first."""
    of_domain = table.loc[(assigned.value == value) & (assigned.part == TRAIN), "slide"]
    sizes = of_domain.value_counts().sort_index()
    return sizes.sort_values(ascending=False, kind="stable").index.tolist()


def _choose(trains: dict[str, list[str]], domains: list[str], slides: int) -> list[list[str]]:
    """The slides that each of some domains gives: so many in all, in equal shares."""
    shares = _divide(slides, len(domains))
    return [trains[value][:share] for share, value in zip(shares, domains, strict=True)]


def _divide(size: int, count: int) -> list[int]:
    """`size` as `count` whole numbers that differ by at most one."""
    return [size // count + (place < size % count) for place in range(count)]


def _spread(samples: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """Positions (n,) in a random order that takes the slides in turn, and in which every prefix keeps the share of classes."""
    samples = samples[["label", "slide"]].reset_index(drop=True).iloc[rng.permutation(len(samples))]
    turn = samples.groupby(["label", "slide"]).cumcount().to_numpy()
    samples = samples.iloc[np.argsort(turn, kind="stable")]
    classes = samples.groupby("label")
    place = (classes.cumcount().to_numpy() + 0.5) / classes["label"].transform("size").to_numpy()
    return samples.index.to_numpy()[np.argsort(place, kind="stable")]
