"""What a result costs: AUROC against seconds and against trained parameters, and the results that nothing beats in both."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from mitofm.reporting.drawing.captions import describe_fraction, describe_twins
from mitofm.reporting.drawing.pointing import point_at
from mitofm.reporting.drawing.readable import choose_panels
from mitofm.reporting.drawing.series import group_adaptations
from mitofm.reporting.drawing.style import INK, Drawn, draw, find_limits, make_slug, stack_ends
from mitofm.reporting.finding import Found, Measured, Section
from mitofm.reporting.measured.grouping import group_by, keep_largest
from mitofm.reporting.measured.results import AUROC, Result, collect_names
from mitofm.reporting.numbers import NOTHING, format_interval, format_range, join, make_title, name_subset
from mitofm.reporting.tables import Entry, Table, make_table, name_row, show_estimate
from mitofm.runs.collect import Collected
from mitofm.runs.said import COST

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SECONDS, PARAMETERS, MEMORY = "seconds", "trained_parameters", "peak_memory_mb"
_AXES = {SECONDS: "seconds for one cell", PARAMETERS: "trained parameters"}
_TOLD = {SECONDS: "seconds", PARAMETERS: "trained parameters", MEMORY: "peak memory, MiB"}
_FRONT = "The dashed line joins what nothing beats in cost and AUROC at once."
_CACHED = "The seconds of a frozen model leave out the features that an earlier cell has computed."
_UNTRAINED = "What trains nothing has no place on the scale of trained parameters."
_SIZE, _LETTER, _LINE = 7, 4.4, 9.5  # of a model's name: points; at most the width of a letter, the height of a line


@dataclass(frozen=True)
class Cost(Result):
    """A result, and what its cells cost.

    Attributes:
        of: by column of `cost.json` the values of its cells; none if unknown.
        best: the columns in which it is on the Pareto front: nothing of the same setting, test set and amount of labels
            is at most as costly and better, or as good and cheaper.
    """

    of: Mapping[str, list[float]]
    best: Collection[str] = ()

    @property
    def value(self) -> float:
        """Of AUROC."""
        return self.auroc.value or 0.0

    def mean(self, column: str) -> float:
        """The mean over its cells; NaN if unknown."""
        return fmean(self.of[column]) if self.of[column] else float("nan")


def find(measured: Measured) -> Found:
    """The costs of every result that has an AUROC; nothing if none has."""
    collected = measured.stored.collected
    found = find_costs(collected, measured.primary)
    if not found:
        return Found()
    plots, left_out = draw_costs(found, measured.order, measured.figures)
    table = tabulate(found, collected)
    return Found(
        [Section("AUROC against cost", f"{_explain(found, plots)} {left_out}".strip(), plots, table, folded=True)]
    )


def _explain(found: Sequence[Cost], plots: Sequence[Drawn]) -> str:
    """What is to be known of the plots that there are."""
    if not plots:
        return ""
    shown = {column: any(f"cost-{column}" in plot.stem.name for plot in plots) for column in _AXES}
    untrained = shown[PARAMETERS] and any(0 in cost.of[PARAMETERS] for cost in keep_largest(found))
    said = {
        describe_fraction(plots, found): True,
        _FRONT: True,
        _CACHED: shown[SECONDS],
        _UNTRAINED: untrained,
        describe_twins(found): True,
    }
    return " ".join(sentence for sentence, holds in said.items() if holds and sentence)


def find_costs(collected: Collected, results: Iterable[Result]) -> list[Cost]:
    """The costs of every result that has an AUROC."""
    known = collected.done.set_index("cell")[list(COST)].to_dict("index")
    found = []
    for result in results:
        if result.auroc.value is not None:
            cells = [known[cell] for cell in result.group.done.values()]
            of = {column: [cell[column] for cell in cells if cell[column] is not None] for column in COST}
            found.append(Cost(result.group, result.set, result.metrics, of))
    strata = group_by(found, lambda cost: (cost.configuration.where, cost.set, cost.configuration.fraction))
    return [
        replace(cost, best={column for column in _AXES if cost in find_front(members, column)})
        for members in strata.values()
        for cost in members
    ]


def find_front(members: Sequence[Cost], column: str) -> list[Cost]:
    """Those that no other one beats in `column` and AUROC at once, the cheapest first."""
    priced = sorted((cost.mean(column), -cost.value, place) for place, cost in enumerate(members) if cost.of[column])
    kept = priced[:1]
    for one in priced[1:]:
        if one[1] < kept[-1][1] or one[:2] == kept[-1][:2]:
            kept.append(one)
    return [members[place] for *_, place in kept]


def draw_costs(found: Sequence[Cost], order: list[str], folder: Path) -> tuple[list[Drawn], str]:
    """AUROC over either cost for every setting and evaluation set, at its largest fraction; none of a single one.

    Also a sentence on those that are left out.
    """
    places = group_by(found, lambda cost: (cost.configuration.where, cost.set))
    panels: dict[tuple[str, str], dict[str, list[Cost]]] = {}
    for place, members in places.items():
        for column in _AXES:
            priced = [cost for cost in keep_largest(members) if cost.of[column] and cost.mean(column) > 0]
            if len(priced) > 1:
                panels.setdefault(place, {})[column] = priced
    shown = {place: [cost for priced in by_column.values() for cost in priced] for place, by_column in panels.items()}
    chosen, left_out = choose_panels(shown, lambda one: one.auroc.value, len(_AXES))
    drawn = [
        _draw_plot(
            folder / make_slug("cost", column, *place),
            join(place[0], name_subset(place[1])),
            _AXES[column],
            column,
            priced,
            order,
        )
        for place in chosen
        for column, priced in panels[place].items()
    ]
    return drawn, left_out


def _draw_plot(stem: Path, title: str, label: str, column: str, members: Sequence[Cost], order: list[str]) -> Drawn:
    from matplotlib.ticker import EngFormatter, FuncFormatter, LogLocator

    best = find_front(members, column)
    with draw(stem, 3.4, title, columns=4) as (_, axes):
        axes.step(
            [cost.mean(column) for cost in best],
            [cost.value for cost in best],
            where="post", color=INK, lw=0.9, ls=(0, (4, 3)), label="Pareto front", zorder=1,
        )  # fmt: skip
        for adaptation, style, series in group_adaptations(members, order):
            x = [cost.mean(column) for cost in series]
            value, low, high = stack_ends([cost.auroc for cost in series])
            axes.vlines(x, low, high, color=style.colour, lw=0.9, alpha=0.6)
            axes.plot(
                x, value, ls="", marker=style.marker, ms=5.5, color=style.colour, mfc=style.face, label=adaptation
            )
            told = (f"{one.named}: {_spell_cost(one, column)}, AUROC {format_interval(one.auroc)}" for one in series)
            point_at(axes, x, value, told)
        costs_in = [cost.mean(column) for cost in members]
        far = max(costs_in) > 30 * min(costs_in)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1,) if far else (1, 2, 5)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: EngFormatter()(x) if x >= 1000 else f"{x:g}"))
        axes.minorticks_off()  # their labels take longer than all else
        axes.set(ylim=find_limits(cost.auroc for cost in members), xlabel=label, ylabel="AUROC")
        axes.margins(x=0.12)
        axes.grid(axis="y")
        _name_models(axes, best, column)
    said = [
        f"{cost.named}: {_spell_cost(cost, column)}, {format_interval(cost.auroc)}{', on the front' if cost in best else ''}"
        for cost in members
    ]
    title, about = make_title(f"AUROC against {label}", title), collect_names(members)
    return Drawn(stem, title, "; ".join(said), about)


def _spell_cost(cost: Cost, column: str) -> str:
    return f"{float(f'{cost.mean(column):.3g}'):,.6g}"


def _name_models(axes: Axes, best: Sequence[Cost], column: str) -> None:
    """Write each model's name once, at the last of its points on the front, dearer ones later.

    Up and to the left of the front there is no point: a name ends at its point, and moves up if it would touch one
    that is written already.
    """
    last = {cost.configuration.model: cost for cost in best}
    axes.autoscale_view()
    points = 72 / axes.figure.dpi
    left = axes.transAxes.transform((0.01, 0))[0] * points
    placed: list[tuple[float, float]] = []
    for model, cost in sorted(last.items(), key=lambda item: best.index(item[1])):
        point = cost.mean(column), cost.value
        x, y = axes.transData.transform(point) * points
        end = max(x - 1, left + _LETTER * len(model))
        foot = max([y + 4, *(top for right, top in placed if right > end - _LETTER * len(model))])
        placed.append((end, foot + _LINE))
        axes.annotate(model, point, (end - x, foot - y), textcoords="offset points", ha="right", fontsize=_SIZE)


def tabulate(found: Sequence[Cost], collected: Collected) -> Table:
    """What each configuration costs."""
    rows = (
        [
            *name_row(cost.configuration, cost.set),
            *(
                Entry(heading, format_range(cost.of[column]) if cost.of[column] else NOTHING)
                for column, heading in _TOLD.items()
            ),
            Entry(full={f"{column}_mean": cost.mean(column) for column in COST}),
            Entry(full={f"{column}_front": column in cost.best for column in _AXES}),
            show_estimate("AUROC (95 % interval)", AUROC, cost.auroc),
            Entry("on the Pareto front of", " and ".join(_AXES[column] for column in _AXES if column in cost.best)),
        ]
        for cost in found
    )
    devices = sorted(set(filter(None, map(collected.device, collected.done["cell"]))))
    note = (
        "Of one cell, from the least to the most: seconds of fitting and testing, on "
        f"{', '.join(devices) or 'a machine that is not recorded'}"
        f"{': seconds on different machines do not compare' if len(devices) > 1 else ''}. Features of a frozen backbone are "
        "computed by the first cell that needs them and kept: the seconds of the others leave them out."
    )
    return make_table("cost", "What it costs", rows, note)
