"""The test domains one by one: the worst, how threshold and calibration travel, and each AUROC."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from mitofm.reporting.estimates import AUROC, Result
from mitofm.reporting.finding import Found, Measured, show_table
from mitofm.reporting.findings.results import SD_OF_TRAINING, show_metric, show_repetitions
from mitofm.reporting.grouping import group_by
from mitofm.reporting.numbers import format_interval, format_signed, join, name_set
from mitofm.reporting.tables import (
    SET,
    TEST_DOMAIN,
    Entry,
    Table,
    hide,
    make_table,
    name_row,
    show_confounded,
    show_estimate,
)

_TRAVELS = {
    AUROC: "",
    "sensitivity_chosen": "sensitivity at the chosen threshold",
    "specificity_chosen": "specificity there",
    "balanced_accuracy_chosen": "balanced accuracy there",
    "best_balanced_accuracy": "at the best threshold",
    "calibration_intercept": "calibration intercept",
    "calibration_slope": "calibration slope",
}


class Extremes(NamedTuple):
    """The test domains of lowest and of highest AUROC of one configuration, among those with an interval."""

    worst: Result
    best: Result


def find(measured: Measured) -> Found:
    """All of them; nothing if there is one domain only."""
    domains = measured.domains
    if not domains:
        return Found()
    extremes = find_extremes(domains)
    worst = [show_table(tabulate_extremes(extremes))] if extremes else []
    folded = [tabulate_thresholds(domains), tabulate_aurocs(domains)]
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
            *show_confounded(worst),
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
        "calibration intercept is 0 and the slope 1 if probabilities are right: an intercept under 0 says that they are too "
        "high, a slope under 1 that they are too extreme."
    )
    return make_table("transfer", "Threshold and calibration by test domain", rows, note)


def tabulate_aurocs(domains: Sequence[Result]) -> Table:
    """AUROC of every configuration on each test domain."""
    rows = [
        [
            *name_row(result.configuration, name_set(result.set), TEST_DOMAIN),
            *show_repetitions(result),
            *hide(show_metric(AUROC, result.auroc), SD_OF_TRAINING),
            *show_confounded(result),
        ]
        for result in domains
    ]
    return make_table("domains", "AUROC by test domain", rows, estimates=[result.auroc for result in domains])
