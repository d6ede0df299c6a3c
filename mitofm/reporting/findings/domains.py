"""The test domains one by one: the worst, whether rankings hold, how threshold and calibration travel, and each AUROC."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from mitofm.reporting.estimates import AUROC, DOMAIN, Result
from mitofm.reporting.finding import Found, Measured, show_table
from mitofm.reporting.findings.results import SD_OF_TRAINING, show_metric, show_repetitions
from mitofm.reporting.grouping import group_by
from mitofm.reporting.numbers import format_interval, format_signed, join, name_set
from mitofm.reporting.tables import (
    LABELS,
    SET,
    SETTING,
    TEST_DOMAIN,
    Entry,
    Table,
    hide,
    make_table,
    name_row,
    show_estimate,
)

_TRAVELS = {
    AUROC: "",
    "sensitivity_chosen": "sensitivity at the chosen threshold",
    "specificity_chosen": "specificity there",
    "balanced_accuracy_chosen": "balanced accuracy there",
    "best_balanced_accuracy": "at the best threshold",
    "calibration_error": "calibration error",
}
_LEAST = 3
"""Fewer configurations are no ranking."""


class Extremes(NamedTuple):
    """The test domains of lowest and of highest AUROC of one configuration, among those with an interval."""

    worst: Result
    best: Result


class Ranking(NamedTuple):
    """How configurations rank on one test domain, and on the mean of the others; `tau` is Kendall's tau-b between the two."""

    where: str
    share: str
    domain: str
    ranked: int
    tau: float
    best: str
    best_elsewhere: str


def find(measured: Measured) -> Found:
    """All of them; nothing if there is one domain only."""
    domains = measured.domains
    if not domains:
        return Found()
    extremes, rankings = find_extremes(domains), rank(domains)
    worst = [show_table(tabulate_extremes(extremes))] if extremes else []
    folded = [tabulate_rankings(rankings)] if rankings else []
    folded += [tabulate_thresholds(domains), tabulate_aurocs(domains)]
    return Found([*worst, *(show_table(table, folded=True) for table in folded)], describe_worst(extremes))


def find_extremes(domains: Iterable[Result]) -> list[Extremes]:
    """The worst and the best test domain of every configuration tested on at least two that have an interval."""
    certain = [result for result in domains if result.auroc.low is not None]
    found = []
    for members in group_by(certain, lambda result: result.configuration).values():
        if len(members) > 1:
            ranked = sorted(members, key=lambda result: (result.auroc.value or 0.0, result.set))
            found.append(Extremes(*(_allow(one, len(ranked)) for one in (ranked[0], ranked[-1]))))
    return found


def _allow(result: Result, count: int) -> Result:
    """With an interval that allows for its having been picked from `count`."""
    return replace(result, metrics={**result.metrics, AUROC: result.auroc.among(count)})


def tabulate_extremes(extremes: Iterable[Extremes]) -> Table:
    """The worst test domain of every configuration, and how far it is from the best."""
    rows = [
        [
            *hide(name_row(worst.configuration, ""), SET),
            Entry("worst domain", name_set(worst.set), {"worst": name_set(worst.set), "best": name_set(best.set)}),
            show_estimate("AUROC there (95 % interval)", "worst_auroc", worst.auroc),
            Entry("best domain", name_set(best.set)),
            show_estimate("AUROC (95 % interval)", "best_auroc", best.auroc),
            Entry("apart", format_signed((best.auroc.value or 0.0) - (worst.auroc.value or 0.0))),
        ]
        for worst, best in extremes
    ]
    note = (
        "Among test domains with an interval. The lowest of several is low in part by chance: the intervals are so wide that "
        "those of all domains hold together at 95 %."
    )
    return make_table("worst_domains", "The worst domain", rows, note)


def describe_worst(extremes: Sequence[Extremes]) -> list[str]:
    """Which domain is the worst, for how many configurations, and how low the lowest AUROC is."""
    if not extremes:
        return []
    counted = Counter(name_set(worst.set) for worst, _ in extremes)
    lowest = min((worst for worst, _ in extremes), key=lambda result: result.auroc.value or 0.0)
    key = lowest.configuration
    named = ", ".join(f"{domain} in {count}" for domain, count in counted.most_common())
    return [
        f"The worst domain (of those with an interval): {named} of {len(extremes)} configurations. The lowest is "
        f"{join(f'{key.model} with {key.adaptation}', key.where)} on {name_set(lowest.set)}: {format_interval(lowest.auroc)}."
    ]


def rank(domains: Iterable[Result]) -> list[Ranking]:
    """How models and adaptations rank on every test domain, beside the mean of the others."""
    from scipy.stats import kendalltau

    def place(result: Result) -> tuple[str, float, str]:
        return result.configuration.where, result.configuration.fraction, result.configuration.share

    known = [result for result in domains if result.auroc.value is not None]
    found = []
    for (where, _, share), members in sorted(group_by(known, place).items()):
        table = pd.Series({(one.named, one.set): one.auroc.value for one in members}).unstack().dropna(axis=1)
        if len(table) < _LEAST or table.shape[1] < 2:
            continue
        for name in table.columns:
            here, elsewhere = table[name], table.drop(columns=name).mean(axis=1)
            tau = float(kendalltau(here, elsewhere).statistic)
            if not np.isnan(tau):
                best = str(here.idxmax()), str(elsewhere.idxmax())
                found.append(Ranking(where, share, str(name).removeprefix(DOMAIN), len(table), tau, *best))
    return found


def tabulate_rankings(rankings: Iterable[Ranking]) -> Table:
    """Whether the order of configurations on one domain is that on the others."""
    rows = [
        [
            Entry(SETTING, found.where, {"where": found.where}),
            Entry(LABELS, found.share, {"share": found.share}),
            Entry(TEST_DOMAIN, found.domain, {"domain": found.domain}),
            Entry("configurations", str(found.ranked), {"configurations": found.ranked}),
            Entry("Kendall's tau", format_signed(found.tau), {"tau": found.tau}),
            Entry("highest there", found.best, {"best": found.best}),
            Entry("highest elsewhere", found.best_elsewhere, {"best_elsewhere": found.best_elsewhere}),
        ]
        for found in rankings
    ]
    note = (
        "Models and adaptations ranked by AUROC on one test domain, against their ranking on the mean of the others: "
        "+1 is the same order, 0 no relation. Configurations that differ by less than their intervals change places by "
        "chance."
    )
    return make_table("rankings", "Do rankings hold across domains?", rows, note, (SETTING, LABELS, "configurations"))


def tabulate_thresholds(domains: Iterable[Result]) -> Table:
    """How the chosen threshold and the probabilities do on each test domain."""
    rows = [
        [
            *name_row(result.configuration, name_set(result.set), TEST_DOMAIN),
            *(show_estimate(heading, name, result.metrics[name]) for name, heading in _TRAVELS.items()),
        ]
        for result in domains
    ]
    note = (
        "The threshold is chosen on validation samples of the training side. What the best threshold would reach was looked "
        "up on the test samples: the difference between the two is the most that a better threshold could win back. The "
        "calibration error is too high where samples are few: compare it between domains of equal size only."
    )
    return make_table("transfer", "Threshold and calibration by test domain", rows, note)


def tabulate_aurocs(domains: Sequence[Result]) -> Table:
    """AUROC of every configuration on each test domain."""
    rows = [
        [
            *name_row(result.configuration, name_set(result.set), TEST_DOMAIN),
            *show_repetitions(result),
            *hide(show_metric(AUROC, result.auroc), SD_OF_TRAINING),
        ]
        for result in domains
    ]
    return make_table("domains", "AUROC by test domain", rows, estimates=[result.auroc for result in domains])
