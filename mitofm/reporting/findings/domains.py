"""The test domains one by one: the worst, how threshold and calibration travel, and each AUROC."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from mitofm.reporting.finding import Found, Measured, Section, show_table
from mitofm.reporting.findings.results import SD_OF_TRAINING, show_metric, show_repetitions
from mitofm.reporting.measured.grouping import group_by
from mitofm.reporting.measured.results import AUROC, Result
from mitofm.reporting.numbers import NOTHING, format_interval, format_signed, format_value, join, name_set
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

_CHOSEN, _BEST = "balanced_accuracy_chosen", "best_balanced_accuracy"
_OPTIMISTIC = (
    "The best threshold is chosen on the very test samples that it is measured on: what it reaches is too optimistic and no "
    "result of any model. The price is the difference between the two, and too high for the same reason."
)


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
    thresholds = tabulate_thresholds(domains)
    folded = [
        Section(thresholds.title, describe_price(domains), table=thresholds, folded=True),
        show_table(tabulate_aurocs(domains), folded=True),
    ]
    return Found([*worst, *folded], describe_worst(extremes))


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
    rows = (
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
    )
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


def find_price(result: Result) -> float | None:
    """Balanced accuracy at the best threshold of these samples minus that at the chosen one: 0 or more."""
    chosen, best = (result.metrics[name].value for name in (_CHOSEN, _BEST))
    return None if chosen is None or best is None else max(0.0, best - chosen)


def describe_price(domains: Iterable[Result]) -> str:
    """How much the chosen threshold loses on the test domains, and where most."""
    priced = [(price, one) for one in domains if (price := find_price(one)) is not None]
    if not priced:
        return ""
    (least, _), (most, worst) = (pick(priced, key=lambda pair: pair[0]) for pick in (min, max))
    key, chosen, best = worst.configuration, worst.metrics[_CHOSEN], worst.metrics[_BEST]
    where = join(f"{key.model} with {key.adaptation}", key.where, key.share)
    return (
        f"The threshold chosen on validation gives {least:.3f} to {most:.3f} less balanced accuracy on a test domain than the "
        f"best threshold of that domain; most on {name_set(worst.set)} ({where}): {format_value(chosen)} against "
        f"{format_value(best)}. The best one is chosen on the test samples themselves: too optimistic, and no result."
    )


def tabulate_thresholds(domains: Iterable[Result]) -> Table:
    """How the chosen threshold and the probabilities do on each test domain, and what another threshold would win back."""
    rows = (
        [
            *name_row(result.configuration, name_set(result.set), TEST_DOMAIN),
            show_estimate("", AUROC, result.auroc),
            show_estimate("balanced accuracy at the chosen threshold", _CHOSEN, result.metrics[_CHOSEN]),
            show_estimate("at the best one", _BEST, result.metrics[_BEST], format_value),
            _show_price(find_price(result)),
            show_estimate("sensitivity", "sensitivity_chosen", result.metrics["sensitivity_chosen"]),
            show_estimate("specificity", "specificity_chosen", result.metrics["specificity_chosen"]),
            show_estimate("calibration intercept", "calibration_intercept", result.metrics["calibration_intercept"]),
            show_estimate("calibration slope", "calibration_slope", result.metrics["calibration_slope"]),
        ]
        for result in domains
    )
    note = (
        f"The threshold is chosen on validation samples of the training side. {_OPTIMISTIC} Sensitivity and specificity are "
        "those at the chosen threshold. The calibration intercept is 0 and the slope 1 if probabilities are right: an "
        "intercept under 0 says that they are too high, a slope under 1 that they are too extreme. Brackets are 95 % intervals."
    )
    return make_table("transfer", "Threshold and calibration by test domain", rows, note)


def _show_price(price: float | None) -> Entry:
    return Entry("price", NOTHING if price is None else f"{price:.3f}", {"threshold_price": price})


def tabulate_aurocs(domains: Sequence[Result]) -> Table:
    """AUROC of every configuration on each test domain."""
    rows = (
        [
            *name_row(result.configuration, name_set(result.set), TEST_DOMAIN),
            *show_repetitions(result),
            *hide(show_metric(AUROC, result.auroc), SD_OF_TRAINING),
            *show_confounded(result),
        ]
        for result in domains
    )
    return make_table("domains", "AUROC by test domain", rows, estimates=[result.auroc for result in domains])
