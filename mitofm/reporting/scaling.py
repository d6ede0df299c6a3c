"""Scaling curves: AUROC against the number of labels, one panel per model, one line per adaptation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from mitofm.reporting.counts import Counts
from mitofm.reporting.estimates import Result
from mitofm.reporting.filters import named
from mitofm.reporting.grouped import by_adaptation, grouped
from mitofm.reporting.laws import Law
from mitofm.reporting.numbers import aside, ends, limits, listed, point
from mitofm.reporting.style import GRID, Drawn, canvas, legend_below, looks, slug


def scaling_curves(
    results: Iterable[Result], counts: Counts, laws: Sequence[Law], order: list[str], folder: Path
) -> list[Drawn]:
    """Draw AUROC over labels for every model, evaluation set and setting of which there is more than one fraction.

    Dotted: the scaling laws.

    All panels share their axes, so that they can be compared.
    """
    found = grouped([result for result in results if result.auroc.value is not None], _place)
    panels = {key: one for key, one in found.items() if len({result.configuration.fraction for result in one}) > 1}
    if not panels:
        return []
    everything = [result for one in panels.values() for result in one]
    labels = [counts.labels(result.group) for result in everything]
    reach = min(labels) / 1.35, max(labels) * 1.35
    bounds = limits(result.auroc for result in everything)
    fitted = grouped(laws, _place)
    return [
        _panel(key, one, fitted.get(key, []), counts, order, reach, bounds, folder)
        for key, one in sorted(panels.items())
    ]


def _place(one: Result | Law) -> tuple[str, str, str]:
    return one.configuration.where, one.set, one.configuration.model


def _panel(
    key: tuple[str, str, str],
    results: list[Result],
    laws: list[Law],
    counts: Counts,
    order: list[str],
    reach: tuple[float, float],
    bounds: tuple[float, float],
    folder: Path,
) -> Drawn:
    where, tested, model = key
    title = listed(model, where, aside(tested))
    stem = folder / slug("scaling", where, tested, model)
    look, said = looks(order), []
    with canvas(stem, height=3.5) as (figure, axes):
        ticks: dict[str, float] = {}
        for adaptation, style, line in by_adaptation(results, order):
            x = [counts.labels(result.group) for result in line]
            ticks |= {result.configuration.share: labels for result, labels in zip(line, x, strict=True)}
            value, low, high = ends([result.auroc for result in line])
            axes.plot(x, value, color=style.colour, marker=style.marker, ms=5, lw=1.6, label=adaptation)
            axes.fill_between(x, low, high, color=style.colour, alpha=0.13, lw=0)
            # A band needs two neighbouring intervals; the bars show a single one.
            axes.vlines(x, low, high, color=style.colour, lw=0.9, alpha=0.6)
            said.append(f"{adaptation}: " + ", ".join(f"{point(r.auroc)} at {r.configuration.share}" for r in line))
        along = np.geomspace(*reach, 100)
        for law in laws:
            axes.plot(along, law.auroc(along), color=look[law.configuration.adaptation].colour, ls=":", lw=1.1)
        axes.set_xscale("log")
        axes.set_xticks(list(ticks.values()), [f"{labels:,.0f}\n{share}" for share, labels in ticks.items()])
        axes.minorticks_off()
        axes.set(xlim=reach, ylim=bounds, xlabel="labelled cells, and their share of all", ylabel="AUROC", title=title)
        axes.axhline(0.5, color=GRID, lw=1.2, zorder=0)
        axes.grid(axis="y")
        legend_below(figure, axes)
    return Drawn(stem, f"AUROC against the number of labels: {title}", "; ".join(said), named(results))
