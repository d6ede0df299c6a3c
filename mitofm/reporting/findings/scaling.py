"""Scaling curves: AUROC against the number of labels, one panel per model, one line per adaptation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from mitofm.reporting.drawing.captions import describe_marks, describe_twins
from mitofm.reporting.drawing.pointing import point_at
from mitofm.reporting.drawing.readable import choose_panels
from mitofm.reporting.drawing.series import group_adaptations
from mitofm.reporting.drawing.style import GRID, Drawn, assign_looks, draw, find_limits, make_slug, stack_ends
from mitofm.reporting.finding import Found, Headline, Measured, Section
from mitofm.reporting.findings.scaling_laws import Law, choose_levels, fit_laws
from mitofm.reporting.measured.grouping import group_by
from mitofm.reporting.measured.results import Result, collect_names
from mitofm.reporting.numbers import format_interval, format_value, join, name_subset

_Place = tuple[str, str, str]
"""Setting with training domain, evaluation set, model."""


def find(measured: Measured) -> Found:
    """A curve for every model; none if there is one amount of labels only."""
    panels = find_panels(measured.primary)
    if not panels:
        return Found()
    laws = fit_laws(measured.stored, measured.primary, choose_levels(measured.primary))
    shown = [one for members in panels.values() for one in members]
    dotted = "; dotted lines are scaling laws" if any(_place(law) in panels for law in laws) else ""
    text = (
        f"{describe_marks((one.auroc for one in shown), 'Points', 'bands and bars')}{dotted}. {describe_twins(shown)}"
    )
    chosen, left_out = choose_panels(panels, lambda one: one.auroc.value)
    axes = _Axes.of(measured, shown)
    drawn = [_draw_panel(measured, place, panels[place], laws, axes) for place in chosen]
    headlines = [Headline(1, "labels", "", drawn[_find_highest([panels[place] for place in chosen])])]
    text = f"{text.strip()} {left_out}".rstrip()
    return Found([Section("AUROC against the number of labels", text, drawn)], headlines=headlines)


def _find_highest(panels: Sequence[Sequence[Result]]) -> int:
    """Which of the panels holds the highest AUROC."""
    return max(range(len(panels)), key=lambda at: max(one.auroc.value or 0.0 for one in panels[at]))


def find_panels(results: Iterable[Result]) -> dict[_Place, list[Result]]:
    """The results of every model, evaluation set and setting of which there is more than one fraction."""
    found = group_by([result for result in results if result.auroc.value is not None], _place)
    return {key: one for key, one in found.items() if len({result.configuration.fraction for result in one}) > 1}


def _place(one: Result | Law) -> _Place:
    return one.configuration.where, one.set, one.configuration.model


class _Axes(NamedTuple):
    """What all panels share, so that they can be compared: from the least labels to the most, and of AUROC."""

    labels: tuple[float, float]
    aurocs: tuple[float, float]

    @classmethod
    def of(cls, measured: Measured, results: Sequence[Result]) -> _Axes:
        bought = [measured.stored.count_labels(result.group) for result in results]
        return cls((min(bought) / 1.35, max(bought) * 1.35), find_limits(result.auroc for result in results))


def _draw_panel(
    measured: Measured, place: _Place, results: Sequence[Result], laws: Sequence[Law], shared: _Axes
) -> Drawn:
    """Draw AUROC over labels, dotted the scaling laws."""
    count, (where, tested, model) = measured.stored.count_labels, place
    title = join(model, where, name_subset(tested))
    stem = measured.figures / make_slug("scaling", where, tested, model)
    look, said = assign_looks(measured.order), []
    with draw(stem, 3.5, title) as (_, axes):
        ticks: dict[str, float] = {}
        for adaptation, style, line in group_adaptations(results, measured.order):
            x = [count(result.group) for result in line]
            ticks |= {result.configuration.share: labels for result, labels in zip(line, x, strict=True)}
            value, low, high = stack_ends([result.auroc for result in line])
            line_of = {"color": style.colour, "mfc": style.face, "ls": style.dashes}
            axes.plot(x, value, marker=style.marker, ms=5, lw=1.6, label=adaptation, **line_of)
            axes.fill_between(x, low, high, color=style.colour, alpha=0.13, lw=0)
            # A band needs two neighbouring intervals; the bars show a single one.
            axes.vlines(x, low, high, color=style.colour, lw=0.9, alpha=0.6)
            told = (f"{one.named}, {one.configuration.amount}: AUROC {format_interval(one.auroc)}" for one in line)
            point_at(axes, x, value, told)
            said.append(
                f"{adaptation}: " + ", ".join(f"{format_value(r.auroc)} at {r.configuration.share}" for r in line)
            )
        along = np.geomspace(*shared.labels, 100)
        for law in laws:
            if _place(law) == place:
                style = look[law.configuration.adaptation]
                colour = style.twin.colour if law.configuration.is_twin else style.colour
                axes.plot(along, law.predict(along), color=colour, ls=":", lw=1.1)
        axes.set_xscale("log")
        axes.set_xticks(list(ticks.values()), [f"{labels:,.0f}\n{share}" for share, labels in ticks.items()])
        axes.minorticks_off()
        axes.set(xlim=shared.labels, ylim=shared.aurocs)
        axes.set(xlabel="labelled samples, and their share of all", ylabel="AUROC")
        axes.axhline(0.5, color=GRID, lw=1.2, zorder=0)
        axes.grid(axis="y")
    return Drawn(stem, f"AUROC against the number of labels: {title}", "; ".join(said), collect_names(results))
