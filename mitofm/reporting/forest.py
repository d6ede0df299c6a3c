"""Forest plots: a dot and its interval per row and series, where there is no axis to draw a curve along."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from textwrap import fill
from typing import NamedTuple

from mitofm.evaluation.comparisons import Comparisons
from mitofm.evaluation.statistics import Estimate
from mitofm.evaluation.verdicts import BETTER, EQUIVALENT, NO_INTERVAL, NOT_DECIDED, WORSE
from mitofm.reporting.answers import Answer
from mitofm.reporting.cells import AXES, SETTING
from mitofm.reporting.contrasts import Contrast, Gap
from mitofm.reporting.estimates import METRICS, Result
from mitofm.reporting.filters import named
from mitofm.reporting.grouped import at_largest, grouped
from mitofm.reporting.numbers import aside, difference, ends, limits, listed, titled, with_interval
from mitofm.reporting.style import GRID, MUTED, Drawn, canvas, legend_below, looks, slug
from mitofm.reporting.tables import Table

_READABLE, _WRAP, _HEAD = 40, 30, 46  # rows; characters of a row's name, of what stands above some
_OUTCOMES = (BETTER, WORSE, EQUIVALENT, NOT_DECIDED, NO_INTERVAL)


class Row(NamedTuple):
    """The row's name, its series (an adaptation, say), what is drawn, and what stands above this row and its neighbours."""

    name: str
    series: str
    estimate: Estimate
    head: str = ""


def result_forests(results: Iterable[Result], order: list[str], folder: Path) -> list[Drawn]:
    """AUROC of every model under each adaptation: one figure per setting, evaluation set and fraction."""
    results = list(results)
    bounds = limits(result.auroc for result in results)
    drawn = []
    for (where, tested), members in sorted(grouped(results, lambda one: (one.configuration.where, one.set)).items()):
        rows = [Row(one.configuration.model, one.configuration.adaptation, one.auroc) for one in members]
        title, stem = listed(where, aside(tested)), folder / slug("auroc", where, tested)
        said = _forest(stem, title, rows, order, "AUROC", bounds)
        drawn.append(Drawn(stem, titled("AUROC of each model and adaptation", title), said, named(members)))
    return drawn


def gap_forests(gaps: Sequence[Gap], order: list[str], folder: Path) -> list[Drawn]:
    """In-domain minus out-of-domain AUROC: one figure per model, one row per training domain and setting."""
    drawn = []
    settings = {gap.configuration.setting for gap in gaps}
    for model, members in sorted(grouped(gaps, lambda gap: gap.configuration.model).items()):
        rows = []
        for gap in members:
            key = gap.configuration
            where = key.where if len(settings) > 1 else key.train_domain and f"trained on {key.train_domain}"
            rows.append(Row(where or "all domains", key.adaptation, gap.difference))
        stem, title = folder / slug("gap", model), listed(model, *settings) if len(settings) == 1 else model
        said = _forest(stem, title, rows, order, "in-domain minus out-of-domain AUROC")
        drawn.append(Drawn(stem, f"In-domain minus out-of-domain AUROC: {model}", said, [model]))
    return drawn


def contrast_forests(contrasts: Iterable[Contrast], folder: Path) -> list[Drawn]:
    """Paired differences of adaptations at the largest fraction of every setting and evaluation set: one row per model."""
    known = [contrast for contrast in contrasts if contrast.difference.value is not None]
    drawn = []
    for (where, tested), members in sorted(grouped(known, lambda one: (one.configuration.where, one.set)).items()):
        members = at_largest(members)
        rows = [Row(one.configuration.model, one.pair, one.difference) for one in members]
        title = listed(where, aside(tested), members[0].configuration.amount)
        stem, pairs = folder / slug("differences", where, tested), list(dict.fromkeys(one.pair for one in members))
        said = _forest(stem, title, rows, pairs, "difference of AUROC on the same cells")
        about = {name for one in members for name in (one.configuration.model, one.first, one.second)}
        about |= {members[0].configuration.train_domain, tested.removeprefix("domain:")}
        drawn.append(Drawn(stem, f"Paired differences of adaptations: {title}", said, about))
    return drawn


def stated_forest(found: Sequence[Answer], shown: Table, asked: Comparisons, folder: Path) -> list[Drawn]:
    """The answers to what a study stated, coloured by outcome, the margin shaded; nothing where they are too many to read.

    Args:
        found: the answers.
        shown: their table, a row each: what differs between its rows names those of the figure.
        asked: what was stated.
        folder: where the figure goes.
    """
    if not 0 < len(found) <= _READABLE:
        return []
    told = [column for column in AXES if column in shown.shown]
    rows = []
    for one, (_, names) in zip(found, shown.shown[told].iterrows(), strict=True):
        where = listed(f"{one.question.replace('_', ' ')}: {one.pair}", names.pop(SETTING) if SETTING in told else "")
        rows.append(Row(listed(*(name for name in names if name != one.sides[0])), one.outcome, one.difference, where))
    rows = [row for row in rows if row.estimate.value is not None]
    if not rows:
        return []
    stem = folder / "stated"
    said = _forest(stem, "", rows, _OUTCOMES, f"difference of {METRICS[asked.metric]}", margin=asked.margin)
    title = f"What the study asked before it ran; shaded: {asked.margin:g} either way counts as equal"
    return [Drawn(stem, title, said)]


def _forest(
    stem: Path,
    title: str,
    rows: Sequence[Row],
    order: Sequence[str],
    label: str,
    bounds: tuple[float, float] | None = None,
    margin: float = 0.0,
) -> str:
    """Draw it, and say what it shows; what has no `bounds` is a difference."""
    lines: list[tuple[str, str | None]] = []
    for head, members in grouped(rows, lambda row: row.head).items():
        lines += [(head, None)] if head else []
        lines += [(head, name) for name in dict.fromkeys(row.name for row in members)]
    series = [name for name in order if any(row.series == name for row in rows)]
    several = len(rows) > sum(name is not None for _, name in lines)  # points of one line
    beside = len(series) if several else 1
    step = min(0.24, 0.8 / len(series)) if several else 0.0
    look = looks(order)
    with canvas(stem, height=1.3 + len(lines) * (0.22 + 0.2 * beside)) as (figure, axes):
        for place, name in enumerate(series):
            members = [row for row in rows if row.series == name]
            offset = (place - (len(series) - 1) / 2) * step
            y = [lines.index((row.head, row.name)) + offset for row in members]
            value, low, high = ends([row.estimate for row in members])
            axes.plot(value, y, ls="", marker=look[name].marker, ms=5.5, color=look[name].colour, label=name)
            axes.hlines(y, low, high, color=look[name].colour, lw=1.8)
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
        axes.set(xlabel=label, title=title)
        legend_below(figure, axes)
    printed = difference if bounds is None else with_interval
    return "; ".join(f"{listed(row.head, row.name, row.series)}: {printed(row.estimate)}" for row in rows)
