"""Forest plots: a dot and its interval per row and series, for what has no axis to draw a curve along."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from textwrap import fill
from typing import NamedTuple

from mitofm.evaluation.statistics import Estimate
from mitofm.reporting.drawing.pointing import point_at
from mitofm.reporting.drawing.series import name_series
from mitofm.reporting.drawing.style import GRID, MUTED, Drawn, assign_looks, draw, stack_ends
from mitofm.reporting.measured.grouping import group_by
from mitofm.reporting.numbers import format_difference, format_interval, join

_WRAP, _HEAD = 30, 46  # characters in a line of a row's name, of what stands above some


class Row(NamedTuple):
    """A mark and its interval.

    Attributes:
        name: of the row.
        series: an adaptation, say.
        estimate: what is drawn.
        head: what stands above this row and its neighbours.
        twin: whether it is of random weights.
    """

    name: str
    series: str
    estimate: Estimate
    head: str = ""
    twin: bool = False

    @property
    def words(self) -> str:
        """What the row is about."""
        return join(self.head, self.name, self.series)


def draw_forest(
    stem: Path,
    heading: str,
    title: str,
    rows: Sequence[Row],
    order: Sequence[str],
    label: str,
    bounds: tuple[float, float] | None = None,
    margin: float = 0.0,
    about: Collection[str] = (),
) -> Drawn:
    """Draw the rows, from the top, into the files of `stem`.

    Args:
        heading: above the figure's axes.
        title: what the figure shows.
        order: of all series, which gives each its colour.
        bounds: of the axis for AUROCs; differences have none.
        margin: shaded to both sides of 0.
        about: see `Drawn`.
    """
    lines: list[tuple[str, str | None]] = []
    for head, members in group_by(rows, lambda row: row.head).items():
        lines += [(head, None)] if head else []
        lines += [(head, name) for name in dict.fromkeys(row.name for row in members)]
    series = [name for name in order if any(row.series == name for row in rows)]
    several = len(rows) > sum(name is not None for _, name in lines)  # points of one line
    beside = len(series) if several else 1
    step = min(0.24, 0.8 / len(series)) if several else 0.0
    look = assign_looks(order)
    both = len({row.twin for row in rows}) > 1
    printed = format_difference if bounds is None else format_interval
    with draw(stem, 1.3 + len(lines) * (0.22 + 0.2 * beside), heading) as (_, axes):
        for place, name in enumerate(series):
            offset = (place - (len(series) - 1) / 2) * step
            for twin, members in group_by((row for row in rows if row.series == name), lambda row: row.twin).items():
                style, label_of = look[name].twin if twin else look[name], name_series(name, twin and both)
                y = [lines.index((row.head, row.name)) + offset for row in members]
                value, low, high = stack_ends([row.estimate for row in members])
                axes.hlines(y, low, high, color=style.colour, lw=1.8, ls=style.dashes)
                axes.plot(
                    value, y, ls="", marker=style.marker, ms=5.5, color=style.colour, mfc=style.face, label=label_of
                )
                point_at(axes, value, y, (f"{row.words}: {printed(row.estimate)}" for row in members))
        if margin:
            axes.axvspan(-margin, margin, color=GRID, alpha=0.6, zorder=0)
        axes.axvline(0 if bounds is None else 0.5, color=MUTED if bounds is None else GRID, lw=1.4, zorder=1)
        axes.set_yticks(range(len(lines)), [fill(name or "", _WRAP) for _, name in lines])
        axes.set_ylim(len(lines) - 0.5, -0.5)
        for edge, (head, below) in enumerate(lines):
            if below is None:
                box = {"fc": "white", "ec": "none", "pad": 1}
                across = axes.get_yaxis_transform()
                axes.text(0.01, edge, fill(head, _HEAD), va="center", fontsize=8, transform=across, bbox=box)
            if edge and (below is None or not head):
                axes.axhline(edge - 0.5, color=GRID, lw=0.8, zorder=0)
        if bounds is not None:
            axes.set_xlim(*bounds)
        axes.grid(axis="x")
        axes.locator_params(axis="x", nbins=6, steps=[1, 2, 5, 10])
        axes.tick_params(axis="y", length=0)
        axes.set(xlabel=label)
    said = "; ".join(f"{row.words}: {printed(row.estimate)}" for row in rows)
    return Drawn(stem, title, said, about)
