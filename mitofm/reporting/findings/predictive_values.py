"""How often a positive call would be right if positives were as common as where the model is used."""

from __future__ import annotations

from collections.abc import Sequence

from mitofm.evaluation.statistics import Estimate
from mitofm.reporting.finding import Found, Measured, show_table
from mitofm.reporting.measured.results import Result
from mitofm.reporting.tables import Entry, Table, make_table, name_row, show_estimate


def find(measured: Measured) -> Found:
    """The table; nothing if no prevalence is stated."""
    if not measured.prevalences:
        return Found()
    return Found([show_table(tabulate(measured.primary, measured.prevalences))])


def tabulate(results: Sequence[Result], prevalences: Sequence[float]) -> Table:
    """A row for each configuration and evaluation set, a column for each prevalence."""
    rows: list[list[Entry]] = []
    shown: list[Estimate] = []
    for result in results:
        values = {one: result.ppvs[one] for one in prevalences}
        shown += values.values()
        rows.append(
            [
                *name_row(result.configuration, result.set),
                Entry(
                    "positives here", f"{100 * result.share_positive:.0f} %", {"share_positive": result.share_positive}
                ),
                *(
                    show_estimate(f"PPV at {100 * prevalence:g} %", f"ppv_at_{prevalence:g}", found)
                    for prevalence, found in values.items()
                ),
                *(
                    show_estimate(name, f"{name}_chosen", result.metrics[f"{name}_chosen"])
                    for name in ("sensitivity", "specificity")
                ),
            ]
        )
    note = (
        "The positive predictive value (PPV): the share of positives among samples called positive at the chosen threshold, "
        "if so many of all candidates are positive. By Bayes' theorem from sensitivity and specificity, which are taken to "
        "be those of this test set; test sets hold far more positives (here) than a slide has among its candidates. "
        "Brackets are 95 % intervals. Other prevalences: mitofm report prevalence=[0.02,0.2]."
    )
    title = "Positive predictive value at a stated prevalence"
    return make_table("predictive_values", title, rows, note, estimates=shown)
