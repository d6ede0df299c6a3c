"""What a result costs: AUROC against seconds and against trained parameters, and which cost nothing for nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from mitofm.files import read_json
from mitofm.reporting.contents import AXES, full_axes, shown_axes
from mitofm.reporting.counts import spread
from mitofm.reporting.estimates import ALL, AUROC, Result
from mitofm.reporting.filters import named
from mitofm.reporting.numbers import NOTHING, ends, limits, set_words, with_interval
from mitofm.reporting.style import INK, Drawn, canvas, legend_below, looks, slug
from mitofm.reporting.tables import Table, columns_of, table
from mitofm.runs.collect import COST, Collected

SECONDS, PARAMETERS, MEMORY = "seconds", "trained_parameters", "peak_memory_mb"
_AXES = {SECONDS: "seconds for one cell", PARAMETERS: "trained parameters"}


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
    strata: dict[tuple[str, str, float], list[Cost]] = {}
    for cost in found:
        key = cost.result.configuration
        strata.setdefault((key.where, cost.result.set, key.fraction), []).append(cost)
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
    panels: dict[tuple[str, str], list[Cost]] = {}
    for cost in found:
        panels.setdefault((cost.result.configuration.where, cost.result.set), []).append(cost)
    drawn = []
    for (where, tested), members in sorted(panels.items()):
        largest = max(cost.result.configuration.fraction for cost in members)
        for column, label in _AXES.items():
            priced = [cost for cost in members if cost.result.configuration.fraction == largest and cost.of[column]]
            if len(priced) > 1:
                title = ", ".join(part for part in (where, set_words(tested) if tested != ALL else "") if part)
                stem = folder / slug("cost", column, where, tested)
                drawn.append(_plot(stem, title, label, column, priced, order))
    return drawn


def _plot(stem: Path, title: str, label: str, column: str, members: Sequence[Cost], order: list[str]) -> Drawn:
    from matplotlib.ticker import EngFormatter, FuncFormatter, LogLocator

    look, said = looks(order), []
    with canvas(stem, height=3.4) as (figure, axes):
        best = front(members, column)
        axes.step(
            [cost.mean(column) for cost in best],
            [cost.auroc for cost in best],
            where="post", color=INK, lw=0.9, ls=(0, (4, 3)), label="Pareto front", zorder=1,
        )  # fmt: skip
        for adaptation in order:
            series = [cost for cost in members if cost.result.configuration.adaptation == adaptation]
            if not series:
                continue
            x, style = [cost.mean(column) for cost in series], look[adaptation]
            value, low, high = ends([cost.result.auroc for cost in series])
            axes.vlines(x, low, high, color=style.colour, lw=0.9, alpha=0.6)
            axes.plot(x, value, ls="", marker=style.marker, ms=5.5, color=style.colour, label=adaptation)
        for cost in best:
            place = (cost.mean(column), cost.auroc)
            axes.annotate(cost.result.configuration.model, place, (4, 4), textcoords="offset points", fontsize=7)
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
        for cost in members:
            key = cost.result.configuration
            marked = ", on the front" if cost in best else ""
            said.append(
                f"{key.model}, {key.adaptation}: {cost.mean(column):,.3g}, {with_interval(cost.result.auroc)}{marked}"
            )
    name = f"AUROC against {label}{': ' if title else ''}{title}"
    return Drawn(stem, name, "; ".join(said), named(cost.result for cost in members))


def cost_table(found: Sequence[Cost], collected: Collected) -> Table:
    """What each configuration costs."""
    rows = []
    for cost in found:
        result = cost.result
        shown = shown_axes(result.configuration, result.set)
        for column, words in {SECONDS: "seconds", PARAMETERS: "trained parameters", MEMORY: "peak memory, MiB"}.items():
            shown[words] = spread(cost.of[column]) if cost.of[column] else NOTHING
        shown["AUROC (95 % interval)"] = with_interval(result.auroc)
        shown["on the Pareto front of"] = " and ".join(_AXES[column] for column in _AXES if column in cost.best)
        full = full_axes(result.configuration, result.set) | {f"{column}_mean": cost.mean(column) for column in COST}
        full |= {f"{column}_front": column in cost.best for column in _AXES} | columns_of(AUROC, result.auroc)
        rows.append((shown, full))
    devices = sorted({device for device in (_device(collected, cell) for cell in collected.done["cell"]) if device})
    note = (
        "Of one cell, from the least to the most: seconds of fitting and testing, on "
        f"{', '.join(devices) or 'a machine that is not recorded'}"
        f"{': seconds on different machines do not compare' if len(devices) > 1 else ''}. Features of a frozen backbone are "
        "computed by the first cell that needs them and kept: the seconds of the others leave them out."
    )
    return table("cost", "What it costs", rows, note, AXES)


def _device(collected: Collected, cell: str) -> str:
    """What a cell ran on; "" where that is not recorded."""
    try:
        return str(read_json(collected.runs / "cells" / cell / "environment.json")["device"])
    except (OSError, ValueError, KeyError):
        return ""
