"""Which tables of results a report has, and what is in their columns."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from mitofm.evaluation.statistics import Estimate
from mitofm.reporting import cells
from mitofm.reporting.cells import LABELS, SET, SETTING, TEST_DOMAIN, Cell
from mitofm.reporting.contrasts import Contrast, Gap
from mitofm.reporting.counts import Counts
from mitofm.reporting.estimates import AUROC, METRICS, Result
from mitofm.reporting.grouped import grouped
from mitofm.reporting.numbers import NOTHING, difference, set_words
from mitofm.reporting.tables import Table, table

_PRINTED = (
    AUROC, "balanced_accuracy", "balanced_accuracy_chosen", "average_precision", "calibration_error", "weighted_f1"
)  # fmt: skip


def results_table(results: Sequence[Result]) -> Table:
    """Every configuration over its seeds: each metric with its interval."""
    rows = [
        [
            *cells.naming(result.configuration, result.set),
            *_repeated(result),
            *(cell for name, found in result.metrics.items() for cell in _measured(name, found)),
        ]
        for result in results
    ]
    note = (
        "Mean over seeds; intervals are over slides. The sd between seeds (of AUROC) is what is seen; of it, training is "
        "what their different test slides do not explain. Average precision and weighted F1 depend on how common "
        "positives are: do not compare them across test sets. The calibration error is too high where cells are few."
    )
    return table("results", "Results over seeds", rows, note, estimates=[result.auroc for result in results])


def domains_table(results: Sequence[Result]) -> Table:
    """AUROC of every configuration on each test domain."""
    rows = [
        [
            *cells.naming(result.configuration, set_words(result.set), TEST_DOMAIN),
            *_repeated(result),
            *cells.unseen(_measured(AUROC, result.auroc), "of it training"),
        ]
        for result in results
    ]
    return table("domains", "AUROC by test domain", rows, estimates=[result.auroc for result in results])


def _repeated(result: Result) -> list[Cell]:
    """How many repetitions (seeds, and folds where there are some) the set was tested in, and on how many slides."""
    counted, planned = result.auroc.seeds, result.group.planned
    shown = str(counted) if counted == planned else f"{counted} of {planned}"
    return [Cell("seeds", shown, {"seeds": counted, "planned": planned}), Cell("slides", str(result.auroc.slides))]


def _measured(name: str, found: Estimate) -> list[Cell]:
    """A metric and how seeds differ in it; people see some metrics, and the seeds of AUROC only."""
    seen = {"sd between seeds": found.seed_sd, "of it training": found.training_sd} if name == AUROC else {}
    return [
        cells.interval(f"{METRICS[name]} (95 % interval)" if name in _PRINTED else "", name, found),
        *(Cell(heading, NOTHING if spread is None else f"{spread:.3f}") for heading, spread in seen.items()),
        Cell(full={f"{name}_seed_sd": found.seed_sd, f"{name}_training_sd": found.training_sd}),
    ]


def contrasts_table(name: str, title: str, contrasts: Sequence[Contrast], axis: str, note: str) -> Table:
    """Paired differences along one axis."""
    rows = [
        [
            *cells.unseen(cells.naming(one.configuration, one.set), axis),
            Cell("difference", one.pair, {"first": one.first, "second": one.second, "seeds": one.difference.seeds}),
            cells.interval("AUROC (95 % interval)", "difference", one.difference, difference),
            *cells.behind(one.difference),
            cells.verdict("verdict", one.difference.verdict, one.difference),
        ]
        for one in contrasts
    ]
    note += f" {len(rows)} intervals, each by itself: they are not corrected for their number." if len(rows) > 1 else ""
    return table(name, title, rows, note, estimates=[one.difference for one in contrasts])


def gaps_table(gaps: Sequence[Gap]) -> Table:
    """In-domain and out-of-domain AUROC, and the first minus the second."""
    rows = [
        [
            *(cell for cell in cells.naming(gap.configuration, "") if cell.heading != SET),
            cells.interval("in-domain AUROC", "in_domain", gap.inside),
            cells.interval("out-of-domain AUROC", "out_of_domain", gap.outside),
            cells.interval("gap (95 % interval)", "gap", gap.difference, difference),
            Cell("slides", f"{gap.inside.slides} + {gap.outside.slides}"),
            Cell("verdict", gap.difference.verdict),
        ]
        for gap in gaps
    ]
    note = (
        "Two sets of slides; the jackknife leaves each slide out of both at once. A gap mixes what the change of domain "
        "costs with how hard the cells of either domain are."
    )
    return table("gaps", "In-domain minus out-of-domain", rows, note, estimates=[gap.difference for gap in gaps])


def data_table(results: Sequence[Result], counts: Counts, positive: str, negative: str) -> Table:
    """How many cells were learned from and tested on, by setting, evaluation set and fraction."""

    def place(result: Result) -> tuple[str, str, float, str]:
        key = result.configuration
        return key.where, result.set, key.fraction, key.share

    rows = []
    for (where, tested, fraction, share), members in sorted(grouped(results, place).items()):
        test = [found for member in members for found in counts.tested(member.group, tested)]
        tests, positives, slides = (list(column) for column in zip(*test, strict=True))
        negatives = [n - p for n, p in zip(tests, positives, strict=True)]
        rows.append(
            [
                Cell(SETTING, where, {"setting": where}),
                Cell(SET, set_words(tested), {"set": tested}),
                Cell(LABELS, share, {"fraction": fraction}),
                cells.numbers("training cells", "train", [n for one in members for n in counts.train(one.group)]),
                cells.numbers(
                    "validation cells", "validation", [n for one in members for n in counts.validation(one.group)]
                ),
                cells.numbers("test cells", "test", tests),
                cells.numbers(f"of them {positive}", "test_positive", positives),
                cells.numbers(f"of them {negative}", "", negatives)._replace(full={}),
                cells.numbers("test slides", "test_slides", slides),
            ]
        )
    note = "Per seed; from the least to the most where seeds differ."
    return table("data", "Cells learned from and tested on", rows, note, (SETTING, SET))


def unfinished_table(cells: pd.DataFrame) -> Table:
    """The cells that are in no number of the report, and why."""
    full = cells[["cell", "state", "reason"]]
    shown = full.replace({"reason": {"": NOTHING}}).astype(str)
    return Table("unfinished", "Cells without a result", shown, full, "They are in no number of this report.")
