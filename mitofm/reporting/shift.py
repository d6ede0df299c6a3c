"""What a change of domain costs, told apart from how hard a domain is; where it costs most; whether rankings hold."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from mitofm.evaluation.statistics import Estimate
from mitofm.reporting import contrasts
from mitofm.reporting.configurations import Configuration
from mitofm.reporting.counts import Counts
from mitofm.reporting.estimates import DOMAIN, Result, Stored
from mitofm.reporting.grouped import grouped

EQUAL_SIZES = 0.1
"""Two training sets whose sizes differ by less than this share are of equal size."""


@dataclass(frozen=True)
class ColumnGap:
    """AUROC on one test domain: trained on it minus trained on another one, on the same cells.

    Attributes:
        configuration: what was trained on the tested domain; its `train_domain` is that domain.
        elsewhere: the other domain.
        difference: own minus elsewhere.
        labels: how many of either were bought, the mean over seeds.
    """

    configuration: Configuration
    elsewhere: str
    difference: Estimate
    labels: tuple[float, float]

    @property
    def fair(self) -> bool:
        """Whether the training sets are of equal size, so that the gap is one of domains alone."""
        return abs(self.labels[0] - self.labels[1]) < EQUAL_SIZES * max(self.labels)


@dataclass(frozen=True)
class Extremes:
    """The test domains of lowest and of highest AUROC of one configuration, among those with an interval."""

    worst: Result
    best: Result


@dataclass(frozen=True)
class Ranking:
    """How configurations rank on one test domain, and on the mean of the others.

    Attributes:
        where: setting and training domain in words.
        share: of the labels.
        domain: the test domain.
        count: of configurations.
        tau: Kendall's tau-b between the two rankings: 1 equal, 0 unrelated, -1 reversed. No ranking where all are equal.
        best: the configuration of highest AUROC on the domain.
        best_elsewhere: on the mean of the other domains.
    """

    where: str
    share: str
    domain: str
    count: int
    tau: float
    best: str
    best_elsewhere: str


def column_gaps(stored: Stored, domains: Iterable[Result], counts: Counts) -> list[ColumnGap]:
    """For every test domain that was also trained on alone: trained on it minus trained on each other domain.

    Args:
        stored: the predictions.
        domains: the results on single test domains.
        counts: how many labels went into each.
    """
    domains = list(domains)
    names = {result.set.removeprefix(DOMAIN) for result in domains}
    trained: dict[tuple[Configuration, str], dict[str, Result]] = {}
    for result in domains:
        key = replace(result.configuration, train_domain="")
        trained.setdefault((key, result.set), {})[result.configuration.train_domain] = result
    found = []
    for (_, name), by_training in trained.items():
        own = by_training.pop(name.removeprefix(DOMAIN), None)
        if own is None:
            continue
        for elsewhere in sorted(names & by_training.keys()):
            other = by_training[elsewhere]
            labels = counts.labels(own.group), counts.labels(other.group)
            difference = contrasts.difference(stored, own, other)
            found.append(ColumnGap(own.configuration, elsewhere, difference, labels))
    return found


def extremes(domains: Iterable[Result]) -> list[Extremes]:
    """The worst and the best test domain of every configuration tested on at least two that have an interval."""
    certain = [result for result in domains if result.auroc.low is not None]
    found = []
    for members in grouped(certain, lambda result: result.configuration).values():
        if len(members) > 1:
            ranked = sorted(members, key=lambda result: (result.auroc.value or 0.0, result.set))
            found.append(Extremes(ranked[0], ranked[-1]))
    return found


def rankings(domains: Iterable[Result], least: int = 3) -> list[Ranking]:
    """How at least `least` models and adaptations rank on every test domain, beside the mean of the others."""
    from scipy.stats import kendalltau

    def place(result: Result) -> tuple[str, float, str]:
        return result.configuration.where, result.configuration.fraction, result.configuration.share

    known = [result for result in domains if result.auroc.value is not None]
    found = []
    for (where, _, share), members in sorted(grouped(known, place).items()):
        table = pd.Series({(one.named, one.set): one.auroc.value for one in members}).unstack().dropna(axis=1)
        if len(table) < least or table.shape[1] < 2:
            continue
        for name in table.columns:
            here, elsewhere = table[name], table.drop(columns=name).mean(axis=1)
            tau = float(kendalltau(here, elsewhere).statistic)
            if np.isnan(tau):
                continue
            domain = str(name).removeprefix(DOMAIN)
            found.append(Ranking(where, share, domain, len(table), tau, str(here.idxmax()), str(elsewhere.idxmax())))
    return found


def confounded(frame: pd.DataFrame) -> list[str]:
    """What of a data set's domains cannot be told from its scanners and species, in words.

    Args:
        frame: one row per cell: domain, and where known scanner and species.
    """
    if frame["domain"].nunique() < 2:
        return []
    said, unknown = [], []
    for other, plural in (("scanner", "scanners"), ("species", "species")):
        if other not in frame:
            unknown.append(other)
            continue
        seen = frame.groupby("domain")[other].agg(lambda values: sorted(set(values)))
        single = seen[seen.map(len) == 1]
        if len(single) and frame[other].nunique() > 1:
            told = "; ".join(f"{domain}: {values[0]}" for domain, values in single.items())
            said.append(
                f"{len(single)} of {len(seen)} domains come from one {other} only ({told}): between these, a difference "
                f"of domains cannot be told from one of {plural}."
            )
    if unknown:
        said.append(
            f"No {' or '.join(unknown)} is known for these cells: a difference between domains may be one of those."
        )
    return said
