"""The tables of the domains: column gaps, extremes, rankings, and how calibration and threshold travel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mitofm.reporting.contents import AXES, full_axes, no_interval, shown_axes
from mitofm.reporting.estimates import AUROC, Result
from mitofm.reporting.numbers import difference, set_words, signed, with_interval
from mitofm.reporting.shift import ColumnGap, Extremes, Ranking
from mitofm.reporting.tables import Table, columns_of, table

_TRAVELS = {
    "sensitivity_chosen": "sensitivity at the chosen threshold",
    "specificity_chosen": "specificity there",
    "balanced_accuracy_chosen": "balanced accuracy there",
    "best_balanced_accuracy": "at the best threshold",
    "calibration_error": "calibration error",
}


def column_gaps_table(gaps: Sequence[ColumnGap]) -> Table:
    """Trained on the tested domain minus trained on another."""
    rows = []
    for gap in gaps:
        key, (own, other) = gap.configuration, gap.labels
        shown = shown_axes(key, key.train_domain, "test domain", trained=False)
        shown |= {
            "trained on instead": gap.elsewhere,
            "gap (95 % interval)": difference(gap.difference),
            "cells bought": f"{own:,.0f}" if gap.fair else f"{own:,.0f} against {other:,.0f}: unequal",
            "seeds": str(gap.difference.seeds),
            "slides": str(gap.difference.slides),
            "verdict": gap.verdict if gap.difference.value is not None else gap.difference.why,
        }
        full = {**full_axes(key, key.train_domain), "trained_elsewhere": gap.elsewhere}
        full |= {"labels_own": own, "labels_elsewhere": other, "equal_sizes": gap.fair}
        rows.append((shown, full | columns_of("gap", gap.difference) | {"verdict": gap.verdict}))
    note = (
        "AUROC on the same cells of the test domain: trained on it minus trained on the other domain, the difficulty of "
        "the cells being equal. Where the training sets are of unequal size the gap is in part one of size."
    )
    return table(
        "column_gaps",
        "What training on another domain costs",
        rows,
        note + no_interval(g.difference for g in gaps),
        AXES,
    )


def extremes_table(extremes: Sequence[Extremes]) -> Table:
    """The worst test domain of every configuration, and how far it is from the best."""
    rows = []
    for found in extremes:
        worst, best = found.worst, found.best
        apart = (best.auroc.value or 0.0) - (worst.auroc.value or 0.0)
        shown = {name: value for name, value in shown_axes(worst.configuration, "").items() if name != "test set"}
        shown |= {
            "worst domain": set_words(worst.set),
            "AUROC there (95 % interval)": with_interval(worst.auroc),
            "best domain": set_words(best.set),
            "AUROC (95 % interval)": with_interval(best.auroc),
            "apart": signed(apart),
        }
        full = {**full_axes(worst.configuration, ""), "worst": set_words(worst.set), "best": set_words(best.set)}
        rows.append((shown, full | columns_of("worst_auroc", worst.auroc) | columns_of("best_auroc", best.auroc)))
    note = (
        "Among test domains with at least six slides. The lowest of several is low in part by chance: its interval says "
        "how much."
    )
    return table("worst_domains", "The worst domain", rows, note, AXES)


def rankings_table(rankings: Sequence[Ranking]) -> Table:
    """Whether the order of configurations on one domain is that on the others."""
    rows = []
    for found in rankings:
        shown = {
            "setting": found.where,
            "labels": found.share,
            "test domain": found.domain,
            "configurations": str(found.count),
            "Kendall's tau": signed(found.tau),
            "highest there": found.best,
            "highest elsewhere": found.best_elsewhere,
        }
        full = {"where": found.where, "share": found.share, "domain": found.domain, "configurations": found.count}
        rows.append((shown, full | {"tau": found.tau, "best": found.best, "best_elsewhere": found.best_elsewhere}))
    note = (
        "Models and adaptations ranked by AUROC on one test domain, against their ranking on the mean of the others: "
        "+1 is the same order, 0 no relation. Configurations that differ by less than their intervals change places by "
        "chance."
    )
    return table("rankings", "Do rankings hold across domains?", rows, note, ("setting", "labels", "configurations"))


def transfer_table(domains: Sequence[Result]) -> Table:
    """How the chosen threshold and the probabilities do on each test domain."""
    rows = []
    for result in domains:
        shown = shown_axes(result.configuration, set_words(result.set), "test domain")
        shown |= {words: with_interval(result.metrics[name]) for name, words in _TRAVELS.items()}
        full: dict[str, Any] = full_axes(result.configuration, set_words(result.set))
        for name in (AUROC, *_TRAVELS):
            full |= columns_of(name, result.metrics[name])
        rows.append((shown, full))
    note = (
        "The threshold is chosen on validation cells of the training side. What the best threshold would reach was looked "
        "up on the test cells: the difference between the two is the most that a better threshold could win back. The "
        "calibration error is too high where cells are few: compare it between domains of equal size only."
    )
    return table("transfer", "Threshold and calibration by test domain", rows, note, AXES)
