"""What a result costs: AUROC against seconds and against trained parameters, and which cost nothing for nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from mitofm.files import read_json
from mitofm.reporting.cells import Cell, interval, naming
from mitofm.reporting.configurations import Configuration
from mitofm.reporting.counts import spread
from mitofm.reporting.estimates import AUROC, Result
from mitofm.reporting.filters import named
from mitofm.reporting.grouped import at_largest, by_adaptation, grouped
from mitofm.reporting.numbers import NOTHING, aside, ends, limits, listed, titled, with_interval
from mitofm.reporting.style import INK, Drawn, canvas, legend_below, slug
from mitofm.reporting.tables import Table, table
from mitofm.runs.collect import COST, Collected

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SECONDS, PARAMETERS, MEMORY = "seconds", "trained_parameters", "peak_memory_mb"
_AXES = {SECONDS: "seconds for one cell", PARAMETERS: "trained parameters"}
_TOLD = {SECONDS: "seconds", PARAMETERS: "trained parameters", MEMORY: "peak memory, MiB"}
_SIZE, _LETTER, _LINE = 7, 4.4, 9.5  # of a model's name: points; at most the width of a letter, the height of a line


@dataclass(frozen=True)
class Cost:
    """What the cells of one result cost.

    Attributes:
        result: on one evaluation set.
        of: by column of `cost.json` the values of its cells; none where unknown.
        best: the columns in which it is on the Pareto front: nothing of the same setting, test set and amount of labels
            is at most as costly and better, or as good and cheaper.
    """

    result: Result
    of: dict[str, list[float]]
    best: frozenset[str]

    @property
    def configuration(self) -> Configuration:
        """That of the result."""
        return self.result.configuration

    @property
    def auroc(self) -> float:
        """The value of the result."""
        return self.result.auroc.value or 0.0

    def mean(self, column: str) -> float:
        """Of its cells; NaN where unknown."""
        return fmean(self.of[column]) if self.of[column] else float("nan")


def costs(collected: Collected, results: Iterable[Result]) -> list[Cost]:
    """The costs of every result that has an AUROC."""
    known = collected.done.set_index("cell")[list(COST)].to_dict("index")
    found = []
    for result in results:
        if result.auroc.value is not None:
            cells = [known[cell] for cell in result.group.done.values()]
            of = {column: [cell[column] for cell in cells if cell[column] is not None] for column in COST}
            found.append(Cost(result, of, frozenset()))
    strata = grouped(found, lambda cost: (cost.configuration.where, cost.result.set, cost.configuration.fraction))
    return [
        Cost(cost.result, cost.of, frozenset(column for column in _AXES if cost in front(members, column)))
        for members in strata.values()
        for cost in members
    ]


def front(members: Sequence[Cost], column: str) -> list[Cost]:
    """Those that no other one beats in `column` and AUROC at once, the cheapest first."""
    priced = sorted((cost.mean(column), -cost.auroc, place) for place, cost in enumerate(members) if cost.of[column])
    kept = priced[:1]
    for one in priced[1:]:
        if one[1] < kept[-1][1] or one[:2] == kept[-1][:2]:
            kept.append(one)
    return [members[place] for *_, place in kept]


def cost_plots(found: Sequence[Cost], order: list[str], folder: Path) -> list[Drawn]:
    """AUROC over either cost for every setting and evaluation set, at its largest fraction; where there are several."""
    panels = grouped(found, lambda cost: (cost.configuration.where, cost.result.set))
    drawn = []
    for (where, tested), members in sorted(panels.items()):
        for column, label in _AXES.items():
            priced = [cost for cost in at_largest(members) if cost.of[column] and cost.mean(column) > 0]
            if len(priced) > 1:
                stem = folder / slug("cost", column, where, tested)
                drawn.append(_plot(stem, listed(where, aside(tested)), label, column, priced, order))
    return drawn


def _plot(stem: Path, title: str, label: str, column: str, members: Sequence[Cost], order: list[str]) -> Drawn:
    from matplotlib.ticker import EngFormatter, FuncFormatter, LogLocator

    best = front(members, column)
    with canvas(stem, height=3.4) as (figure, axes):
        axes.step(
            [cost.mean(column) for cost in best],
            [cost.auroc for cost in best],
            where="post", color=INK, lw=0.9, ls=(0, (4, 3)), label="Pareto front", zorder=1,
        )  # fmt: skip
        for adaptation, style, series in by_adaptation(members, order):
            x = [cost.mean(column) for cost in series]
            value, low, high = ends([cost.result.auroc for cost in series])
            axes.vlines(x, low, high, color=style.colour, lw=0.9, alpha=0.6)
            axes.plot(x, value, ls="", marker=style.marker, ms=5.5, color=style.colour, label=adaptation)
        costs_in = [cost.mean(column) for cost in members]
        far = max(costs_in) > 30 * min(costs_in)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1,) if far else (1, 2, 5)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: EngFormatter()(x) if x >= 1000 else f"{x:g}"))
        axes.minorticks_off()  # their labels take longer than all else
        axes.set(ylim=limits(cost.result.auroc for cost in members), xlabel=label, ylabel="AUROC", title=title)
        axes.margins(x=0.12)
        axes.grid(axis="y")
        legend_below(figure, axes, columns=4)
        _name(axes, best, column)
    said = [
        f"{cost.result.named}: {cost.mean(column):,.3g}, {with_interval(cost.result.auroc)}{', on the front' if cost in best else ''}"
        for cost in members
    ]
    return Drawn(stem, titled(f"AUROC against {label}", title), "; ".join(said), named(cost.result for cost in members))


def _name(axes: Axes, best: Sequence[Cost], column: str) -> None:
    """Write each model's name once, at the last of its points on the front, dearer ones later.

    Up and to the left of the front there is no point: a name ends at its point, and moves up where it would touch one
    that is written already.
    """
    last = {cost.configuration.model: cost for cost in best}
    axes.autoscale_view()
    points = 72 / axes.figure.dpi
    left = axes.transAxes.transform((0.01, 0))[0] * points
    placed: list[tuple[float, float]] = []
    for model, cost in sorted(last.items(), key=lambda item: best.index(item[1])):
        point = cost.mean(column), cost.auroc
        x, y = axes.transData.transform(point) * points
        end = max(x - 1, left + _LETTER * len(model))
        foot = max([y + 4, *(top for right, top in placed if right > end - _LETTER * len(model))])
        placed.append((end, foot + _LINE))
        axes.annotate(model, point, (end - x, foot - y), textcoords="offset points", ha="right", fontsize=_SIZE)


def cost_table(found: Sequence[Cost], collected: Collected) -> Table:
    """What each configuration costs."""
    rows = [
        [
            *naming(cost.configuration, cost.result.set),
            *(
                Cell(heading, spread(cost.of[column]) if cost.of[column] else NOTHING)
                for column, heading in _TOLD.items()
            ),
            Cell(full={f"{column}_mean": cost.mean(column) for column in COST}),
            Cell(full={f"{column}_front": column in cost.best for column in _AXES}),
            interval("AUROC (95 % interval)", AUROC, cost.result.auroc),
            Cell(
                "on the Pareto front of", " and ".join(words for column, words in _AXES.items() if column in cost.best)
            ),
        ]
        for cost in found
    ]
    devices = sorted({device for device in (_device(collected, cell) for cell in collected.done["cell"]) if device})
    note = (
        "Of one cell, from the least to the most: seconds of fitting and testing, on "
        f"{', '.join(devices) or 'a machine that is not recorded'}"
        f"{': seconds on different machines do not compare' if len(devices) > 1 else ''}. Features of a frozen backbone are "
        "computed by the first cell that needs them and kept: the seconds of the others leave them out."
    )
    return table("cost", "What it costs", rows, note)


def _device(collected: Collected, cell: str) -> str:
    """What a cell ran on; "" where that is not recorded."""
    try:
        return str(read_json(collected.runs / "cells" / cell / "environment.json")["device"])
    except (OSError, ValueError, KeyError):
        return ""
