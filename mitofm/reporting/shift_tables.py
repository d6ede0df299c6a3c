"""The tables of the domains: column gaps, extremes, rankings, and how calibration and threshold travel."""

from __future__ import annotations

from collections.abc import Sequence

from mitofm.reporting import cells
from mitofm.reporting.cells import LABELS, SET, SETTING, TEST_DOMAIN, Cell
from mitofm.reporting.estimates import AUROC, Result
from mitofm.reporting.numbers import difference, set_words, signed
from mitofm.reporting.shift import ColumnGap, Extremes, Ranking
from mitofm.reporting.tables import Table, table

_TRAVELS = {
    AUROC: "",
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
        bought = {"labels_own": own, "labels_elsewhere": other, "equal_sizes": gap.fair}
        rows.append(
            [
                *cells.naming(key, key.train_domain, TEST_DOMAIN, where=key.setting),
                Cell("trained on instead", gap.elsewhere, {"trained_elsewhere": gap.elsewhere} | bought),
                cells.interval("gap (95 % interval)", "gap", gap.difference, difference),
                Cell("cells bought", f"{own:,.0f}" if gap.fair else f"{own:,.0f} against {other:,.0f}: unequal"),
                *cells.behind(gap.difference),
                cells.verdict("verdict", gap.difference.verdict, gap.difference),
            ]
        )
    note = (
        "AUROC on the same cells of the test domain: trained on it minus trained on the other domain, the difficulty of "
        "the cells being equal. Where the training sets are of unequal size the gap is in part one of size."
    )
    title = "What training on another domain costs"
    return table("column_gaps", title, rows, note, estimates=[gap.difference for gap in gaps])


def extremes_table(extremes: Sequence[Extremes]) -> Table:
    """The worst test domain of every configuration, and how far it is from the best."""
    rows = []
    for found in extremes:
        worst, best = found.worst, found.best
        names = set_words(worst.set), set_words(best.set)
        rows.append(
            [
                *cells.unseen(cells.naming(worst.configuration, ""), SET),
                Cell("worst domain", names[0], {"worst": names[0], "best": names[1]}),
                cells.interval("AUROC there (95 % interval)", "worst_auroc", worst.auroc),
                Cell("best domain", names[1]),
                cells.interval("AUROC (95 % interval)", "best_auroc", best.auroc),
                Cell("apart", signed((best.auroc.value or 0.0) - (worst.auroc.value or 0.0))),
            ]
        )
    note = (
        "Among test domains with at least six slides. The lowest of several is low in part by chance: its interval says "
        "how much."
    )
    return table("worst_domains", "The worst domain", rows, note)


def rankings_table(rankings: Sequence[Ranking]) -> Table:
    """Whether the order of configurations on one domain is that on the others."""
    rows = [
        [
            Cell(SETTING, found.where, {"where": found.where}),
            Cell(LABELS, found.share, {"share": found.share}),
            Cell(TEST_DOMAIN, found.domain, {"domain": found.domain}),
            Cell("configurations", str(found.count), {"configurations": found.count}),
            Cell("Kendall's tau", signed(found.tau), {"tau": found.tau}),
            Cell("highest there", found.best, {"best": found.best}),
            Cell("highest elsewhere", found.best_elsewhere, {"best_elsewhere": found.best_elsewhere}),
        ]
        for found in rankings
    ]
    note = (
        "Models and adaptations ranked by AUROC on one test domain, against their ranking on the mean of the others: "
        "+1 is the same order, 0 no relation. Configurations that differ by less than their intervals change places by "
        "chance."
    )
    return table("rankings", "Do rankings hold across domains?", rows, note, (SETTING, LABELS, "configurations"))


def transfer_table(domains: Sequence[Result]) -> Table:
    """How the chosen threshold and the probabilities do on each test domain."""
    rows = [
        [
            *cells.naming(result.configuration, set_words(result.set), TEST_DOMAIN),
            *(cells.interval(heading, name, result.metrics[name]) for name, heading in _TRAVELS.items()),
        ]
        for result in domains
    ]
    note = (
        "The threshold is chosen on validation cells of the training side. What the best threshold would reach was looked "
        "up on the test cells: the difference between the two is the most that a better threshold could win back. The "
        "calibration error is too high where cells are few: compare it between domains of equal size only."
    )
    return table("transfer", "Threshold and calibration by test domain", rows, note)
