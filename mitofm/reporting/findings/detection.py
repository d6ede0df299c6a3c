"""How well figures are found on whole slides, of the cells that `mitofm count evaluate=true` was typed for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from mitofm.counting.detection import AGREEMENT, RATES, SUMS, estimate_detection, read_sums
from mitofm.data.splits.part import OUT_OF_DOMAIN
from mitofm.evaluation.statistics import Estimate
from mitofm.reporting.drawing.series import group_adaptations
from mitofm.reporting.drawing.style import GRID, Drawn, draw, make_slug
from mitofm.reporting.finding import Found, Measured, Section
from mitofm.reporting.measured.configurations import name_seed
from mitofm.reporting.measured.grouping import group_by, keep_largest
from mitofm.reporting.measured.results import ALL, DOMAIN, Result, collect_names
from mitofm.reporting.numbers import format_difference, join, name_subset
from mitofm.reporting.tables import Entry, Table, make_table, name_row, show_estimate, show_support

_HEADINGS = {
    "f1": "F1",
    "precision": "precision",
    "recall": "recall",
    "proposals_recall": "recall of the proposals alone",
}


def find(measured: Measured) -> Found:
    """The table; nothing if no cell was evaluated."""
    kept: dict[str, pd.DataFrame | None] = {}
    rows = [(one, found) for one in measured.results if (found := _estimate(measured, one, kept)) is not None]
    damaged = sorted(cell for cell, sums in kept.items() if sums is None)
    cautions = [
        f"The evaluated count of {cell} is damaged and left out: delete its folder in counts/ and count again."
        for cell in damaged
    ]
    tables = [table for table in (tabulate(rows, by_domain=False), tabulate(rows, by_domain=True)) if len(table.full)]
    drawn = draw_counts(measured, [one for one, _ in rows], kept)
    sections = [
        Section(table.title, figures=[] if n else drawn, table=table, folded=n > 0) for n, table in enumerate(tables)
    ]
    return Found(sections, cautions=cautions)


def draw_counts(measured: Measured, results: Sequence[Result], kept: dict[str, pd.DataFrame | None]) -> list[Drawn]:
    """The counts of slides of domains that were never trained on, at the largest fraction, by the first repetition of each model."""
    unseen = [one for one in results if one.set == OUT_OF_DOMAIN]
    drawn = []
    panels = group_by(unseen, lambda one: (one.configuration.where, one.configuration.model))
    for (where, model), members in panels.items():
        title = f"{measured.classes[1]}s of a slide: {join(model, where, name_subset(OUT_OF_DOMAIN))}"
        stem, said = measured.figures / make_slug("slide-counts", where, model), []
        with draw(stem, 4.2, title) as (_, axes):
            axes.axline((0, 0), slope=1, color=GRID, lw=1.4, zorder=0)
            for name, look, line in group_adaptations(keep_largest(members), measured.order):
                _, sums = next(_read(measured, line[0], kept))
                figures, found = (sums.groupby("unit")[column].sum() for column in ("figures", "found"))
                axes.plot(figures, found, color=look.colour, mfc=look.face, marker=look.marker, ls="", ms=5, label=name)
                said.append(f"{name}: {found.sum()} counted, {figures.sum()} annotated")
            axes.set(xlim=(0, None), ylim=(0, None), xlabel="annotated", ylabel="counted")
        drawn.append(Drawn(stem, title, "; ".join(said), collect_names(members)))
    return drawn


def _estimate(
    measured: Measured, result: Result, kept: dict[str, pd.DataFrame | None]
) -> Mapping[str, Estimate] | None:
    parts = list(_read(measured, result, kept))
    seeds = group_by(parts, lambda part: name_seed(part[0]))
    joined = [pd.concat([sums for _, sums in members]) for members in seeds.values()]
    return estimate_detection(joined) if joined else None


def _read(
    measured: Measured, result: Result, kept: dict[str, pd.DataFrame | None]
) -> Iterator[tuple[str, pd.DataFrame]]:
    """By repetition the sums of the slides in the evaluation set."""
    runs, dataset = measured.stored.collected.runs, result.configuration.dataset
    for key, cell in result.group.done.items():
        path = runs / "counts" / f"{cell}-on-{dataset}-evaluated" / SUMS
        if cell not in kept and path.is_file():
            kept[cell] = read_sums(path)
        sums = kept.get(cell)
        if sums is None:
            continue
        if result.set.startswith(DOMAIN):
            sums = sums[sums["domain"] == result.set.removeprefix(DOMAIN)]
        elif result.set != ALL:
            sums = sums[sums["evaluation_set"] == result.set]
        if len(sums):
            yield key, sums


def tabulate(found: Sequence[tuple[Result, Mapping[str, Estimate]]], by_domain: bool) -> Table:
    """A row for each configuration and evaluation set, or test domain."""
    named = {one.configuration for one, _ in found if not one.set.startswith(DOMAIN) and one.set != ALL}
    rows = []
    for one, measured in found:
        if one.set.startswith(DOMAIN) != by_domain or (one.set == ALL and one.configuration in named):
            continue
        rows.append(
            [
                *name_row(one.configuration, one.set),
                *(show_estimate(f"{_HEADINGS[name]} (95 % interval)", name, measured[name]) for name in RATES),
                show_estimate("bias of a slide's count", "count_bias", measured["count_bias"], format_difference),
                show_estimate("concordance of counts", "concordance", measured["concordance"]),
                Entry(full={name: measured[name].value for name in AGREEMENT[1:3]}),
                *show_support(measured["f1"]),
            ]
        )
    note = (
        "No candidates were given: proposals, their scores, and what remains within 7.5 micrometres of each other, at the threshold "
        "of highest F1 on the cell's validation slides; all annotations of those were used, however few labels were trained on."
    )
    title = "Detection on whole slides" + (", by test domain" if by_domain else "")
    return make_table("detection_by_domain" if by_domain else "detection", title, rows, note)
