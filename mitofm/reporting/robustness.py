"""The table of robustness indices, of a command and of a report."""

from __future__ import annotations

from collections.abc import Iterable

from mitofm.evaluation.performance_drop import DROP
from mitofm.evaluation.robustness import CROMA, CROMA_BELOW, CROMA_TAIL, INDEX, MARGIN_INDEX
from mitofm.reporting.measured.configurations import TWIN
from mitofm.reporting.numbers import format_signed
from mitofm.reporting.tables import Entry, Table, make_table, show_difference, show_estimate
from mitofm.runs.robustness import Record

BY = "by"
HEADINGS = {
    INDEX: "robustness index",
    MARGIN_INDEX: "margin-aware",
    CROMA: "CRoMa, median",
    CROMA_TAIL: "lowest tenth",
    CROMA_BELOW: "at or below 0",
}
_NOTE = (
    "Whole data set, frozen embeddings, 95 % intervals over slides. Neighbours on other slides that are of the sample's class "
    "and another scanner (or domain) count for the embedding, those of another class and its scanner against it. The index is "
    "the share of the first; CRoMa is above 0 if those are nearer. Read both beside what embeddings dealt out at random have, "
    "not beside 0.5 and 0. Intervals of the two indices, and those of APD, are too wide rather than too short (docs/robustness.md)."
)


def name_model(record: Record) -> str:
    """The backbone, as reports name it."""
    return f"{record.backbone}{TWIN}" if record.weights == "random" else record.backbone


def tabulate(records: Iterable[Record]) -> Table:
    """A row for each backbone and column."""
    rows, estimates = [], []
    for record in records:
        for by, one in record.found.items():
            estimates += list(one.estimates.values())
            named = {"dataset": record.dataset, "model": name_model(record), "by": by}
            counts = {"samples": one.samples, "slides": one.estimates[INDEX].slides, "k": one.k, "tau": one.tau}
            shares = {"chance": one.chance, "support": one.support, "knn_balanced_accuracy": one.accuracy}
            levels = {"levels": "; ".join(one.levels), "left_out": "; ".join(one.left_out)}
            rows.append(
                [
                    Entry("model", named["model"], named),
                    Entry(BY, f"{by} ({len(one.levels)})", levels),
                    show_estimate(HEADINGS[INDEX], INDEX, one.estimates[INDEX]),
                    Entry("index at random", f"{one.chance:.3f}", shares),
                    show_estimate(HEADINGS[MARGIN_INDEX], MARGIN_INDEX, one.estimates[MARGIN_INDEX]),
                    show_difference(HEADINGS[CROMA], CROMA, one.estimates[CROMA]),
                    Entry("CRoMa at random", format_signed(one.croma_chance), {"croma_chance": one.croma_chance}),
                    show_difference(HEADINGS[CROMA_TAIL], CROMA_TAIL, one.estimates[CROMA_TAIL]),
                    show_estimate(HEADINGS[CROMA_BELOW], CROMA_BELOW, one.estimates[CROMA_BELOW]),
                    Entry("k", str(one.k), counts),
                    *(show_difference("APD", DROP, found) for metric, found in one.estimates.items() if metric == DROP),
                ]
            )
    return make_table("robustness", "Robustness of frozen embeddings", rows, _NOTE, estimates=estimates)
