"""Differences between configurations: pair by pair on the same samples, and in-domain against out-of-domain."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from mitofm.errors import MitofmError
from mitofm.evaluation import statistics
from mitofm.evaluation.statistics import Estimate
from mitofm.reporting.configurations import Configuration
from mitofm.reporting.estimates import Result, Stored
from mitofm.reporting.grouped import grouped

IN_DOMAIN, OUT_OF_DOMAIN = "in_domain", "out_of_domain"
Pairs = list[tuple[Result, Result]]


@dataclass(frozen=True)
class Contrast:
    """AUROC of `first` minus that of `second`, which differ in one axis; `configuration` is that of `first`."""

    configuration: Configuration
    set: str
    first: str
    second: str
    difference: Estimate

    @property
    def pair(self) -> str:
        """The two in words."""
        return f"{self.first} \N{MINUS SIGN} {self.second}"


@dataclass(frozen=True)
class Gap:
    """In-domain minus out-of-domain AUROC of one configuration."""

    configuration: Configuration
    inside: Estimate
    outside: Estimate
    difference: Estimate


def between_adaptations(stored: Stored, results: Iterable[Result], order: list[str]) -> list[Contrast]:
    """Of every two adaptations of the same model, the later in `order` minus the earlier."""

    def pairs(members: list[Result]) -> Pairs:
        return [(second, first) for first, second in itertools.combinations(members, 2)]

    return _contrasts(stored, results, "adaptation", lambda one: order.index(one.configuration.adaptation), pairs)


def between_models(stored: Stored, results: Iterable[Result]) -> list[Contrast]:
    """The model of highest AUROC minus each other model, under the same adaptation."""
    return _contrasts(stored, results, "model", lambda one: -(one.auroc.value or 0.0), _first_and_others)


def between_fractions(stored: Stored, results: Iterable[Result]) -> list[Contrast]:
    """The largest fraction minus each smaller one, of the same model and adaptation."""
    return _contrasts(stored, results, "share", lambda one: -one.configuration.fraction, _first_and_others)


def gaps(stored: Stored, results: Iterable[Result]) -> list[Gap]:
    """In-domain minus out-of-domain of every configuration tested on both.

    No slide is in both sets of a seed, but it may be in one of either over the seeds: a domain can be trained on at one
    seed and only tested on at another. So slides are left out of both at once.
    """
    found = []
    for key, members in grouped(results, lambda result: result.configuration).items():
        sets = {member.set: member for member in members}
        if {IN_DOMAIN, OUT_OF_DOMAIN} <= sets.keys():
            inside, outside = sets[IN_DOMAIN], sets[OUT_OF_DOMAIN]
            seeds = (stored.seeds(inside.group, IN_DOMAIN), stored.seeds(outside.group, OUT_OF_DOMAIN))
            found.append(Gap(key, inside.auroc, outside.auroc, statistics.difference_by_slide(*seeds)))
    return found


def difference(stored: Stored, first: Result, second: Result) -> Estimate:
    """AUROC of `first` minus that of `second` on the seeds of both; no value where the samples differ."""
    try:
        return statistics.paired_difference(
            stored.seeds(first.group, first.set), stored.seeds(second.group, second.set)
        )
    except MitofmError:
        return Estimate(None, why="not tested on the same samples")


def _contrasts(
    stored: Stored,
    results: Iterable[Result],
    axis: str,
    rank: Callable[[Result], float],
    pairs: Callable[[list[Result]], Pairs],
) -> list[Contrast]:
    """The contrasts of those that differ in `axis` alone, paired in the order of their rank."""
    same: dict[str, Any] = {"fraction": 0.0} if axis == "share" else {axis: ""}
    strata = grouped(results, lambda result: (replace(result.configuration, **same), result.set))
    return [
        Contrast(
            first.configuration,
            first.set,
            getattr(first.configuration, axis),
            getattr(second.configuration, axis),
            difference(stored, first, second),
        )
        for members in strata.values()
        for first, second in pairs(sorted(members, key=rank))
    ]


def _first_and_others(members: list[Result]) -> Pairs:
    return [(members[0], other) for other in members[1:]]
