"""Forest plots: a dot and its interval per row and series, where there is no axis to draw a curve along."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from textwrap import fill

from mitofm.evaluation.comparisons import Comparisons
from mitofm.evaluation.statistics import Estimate
from mitofm.evaluation.verdicts import BETTER, EQUIVALENT, NO_INTERVAL, NOT_DECIDED, WORSE
from mitofm.reporting.contrasts import Contrast, Gap
from mitofm.reporting.estimates import ALL, METRICS, Result
from mitofm.reporting.filters import named
from mitofm.reporting.numbers import difference, ends, limits, set_words, with_interval
from mitofm.reporting.stated import Answer
from mitofm.reporting.style import GRID, MUTED, Drawn, canvas, legend_below, looks, slug
from mitofm.reporting.tables import Table

_READABLE, _WRAP = 40, 34  # rows, characters
Row = tuple[str, str, Estimate]
"""The row's name, the series (an adaptation) and what is drawn."""


def result_forests(results: Iterable[Result], order: list[str], folder: Path) -> list[Drawn]:
    """AUROC of every model under each adaptation: one figure per setting, evaluation set and fraction."""
    figures: dict[tuple[str, str], list[Row]] = {}
    results = list(results)
    for result in results:
        key = result.configuration
        figures.setdefault((key.where, result.set), []).append((key.model, key.adaptation, result.auroc))
    bounds = limits(row[2] for rows in figures.values() for row in rows)
    drawn = []
    for (where, tested), rows in sorted(figures.items()):
        title = ", ".join(part for part in (where, set_words(tested) if tested != ALL else "") if part)
        stem = folder / slug("auroc", where, tested)
        _forest(stem, title, rows, order, "AUROC", bounds)
        said = "; ".join(f"{name}, {series}: {with_interval(estimate)}" for name, series, estimate in rows)
        about = named(result for result in results if (result.configuration.where, result.set) == (where, tested))
        drawn.append(Drawn(stem, f"AUROC of each model and adaptation{': ' if title else ''}{title}", said, about))
    return drawn


def gap_forests(gaps: Iterable[Gap], order: list[str], folder: Path) -> list[Drawn]:
    """In-domain minus out-of-domain AUROC: one figure per model, one row per training domain and setting."""
    figures: dict[str, list[Row]] = {}
    for gap in gaps:
        key = gap.configuration
        figures.setdefault(key.model, []).append((key.where or "all domains", key.adaptation, gap.difference))
    drawn = []
    for model, rows in sorted(figures.items()):
        stem = folder / slug("gap", model)
        _forest(stem, model, rows, order, "in-domain minus out-of-domain AUROC", None)
        said = "; ".join(f"{name}, {series}: {difference(estimate)}" for name, series, estimate in rows)
        drawn.append(Drawn(stem, f"In-domain minus out-of-domain AUROC: {model}", said, [model]))
    return drawn


def contrast_forests(contrasts: Iterable[Contrast], order: list[str], folder: Path) -> list[Drawn]:
    """Paired differences of adaptations at the largest fraction of every setting and evaluation set: one row per model."""
    figures: dict[tuple[str, str], list[Contrast]] = {}
    for contrast in contrasts:
        if contrast.difference.value is not None:
            figures.setdefault((contrast.configuration.where, contrast.set), []).append(contrast)
    drawn = []
    for (where, tested), members in sorted(figures.items()):
        largest = max(contrast.configuration.fraction for contrast in members)
        members = [contrast for contrast in members if contrast.configuration.fraction == largest]
        rows = [
            (one.configuration.model, f"{one.first} \N{MINUS SIGN} {one.second}", one.difference) for one in members
        ]
        place = ", ".join(part for part in (where, set_words(tested) if tested != ALL else "") if part)
        title = ", ".join(part for part in (place, members[0].configuration.amount) if part)
        stem = folder / slug("differences", where, tested)
        _forest(
            stem,
            title,
            rows,
            list(dict.fromkeys(row[1] for row in rows)),
            "difference of AUROC on the same cells",
            None,
        )
        said = "; ".join(f"{model}, {pair}: {difference(estimate)}" for model, pair, estimate in rows)
        keys = [one.configuration for one in members]
        about = {name for key in keys for name in (key.model, key.train_domain)} | {tested.removeprefix("domain:")}
        about |= {name for one in members for name in (one.first, one.second)}
        drawn.append(Drawn(stem, f"Paired differences of adaptations: {title}", said, about))
    return drawn


def stated_forest(found: Sequence[Answer], shown: Table, asked: Comparisons, folder: Path) -> list[Drawn]:
    """The answers to what a study stated, coloured by outcome, the margin shaded; nothing where they are too many to read.

    Args:
        found: the answers.
        shown: their table, a row each.
        asked: what was stated.
        folder: where the figure goes.
    """
    if not 0 < len(found) <= _READABLE:
        return []
    columns = list(shown.shown.columns)
    names = [
        fill(", ".join(filter(None, row)), _WRAP)
        for row in shown.shown[columns[: columns.index("difference") + 1]].to_numpy()
    ]
    rows = [
        (name, one.outcome, one.difference)
        for name, one in zip(names, found, strict=True)
        if one.difference.value is not None
    ]
    if not rows:
        return []
    order = [BETTER, WORSE, EQUIVALENT, NOT_DECIDED, NO_INTERVAL]
    stem = folder / "stated"
    _forest(stem, "", rows, order, f"difference of {METRICS[asked.metric]}", None, asked.margin)
    said = "; ".join(f"{name}: {difference(estimate)}, {outcome}" for name, outcome, estimate in rows)
    return [
        Drawn(stem, f"What the study asked before it ran; shaded: {asked.margin:g} either way counts as equal", said)
    ]


def _forest(
    stem: Path,
    title: str,
    rows: Sequence[Row],
    order: list[str],
    label: str,
    bounds: tuple[float, float] | None,
    margin: float = 0.0,
) -> None:
    names = list(dict.fromkeys(name for name, _, _ in rows))
    series = [name for name in order if any(row[1] == name for row in rows)]
    look = looks(order)
    beside = len(series) if len(rows) > len(names) else 1  # points of one row
    step = min(0.24, 0.8 / len(series)) if beside > 1 else 0.0
    with canvas(stem, height=1.3 + len(names) * (0.22 + 0.2 * beside)) as (figure, axes):
        for place, adaptation in enumerate(series):
            offset = (place - (len(series) - 1) / 2) * step
            y = [names.index(name) + offset for name, one, _ in rows if one == adaptation]
            value, low, high = ends([estimate for _, one, estimate in rows if one == adaptation])
            style = look[adaptation]
            axes.plot(value, y, ls="", marker=style.marker, ms=5.5, color=style.colour, label=adaptation)
            axes.hlines(y, low, high, color=style.colour, lw=1.8)
        if margin:
            axes.axvspan(-margin, margin, color=GRID, alpha=0.6, zorder=0)
        axes.axvline(0 if bounds is None else 0.5, color=MUTED if bounds is None else GRID, lw=1.4, zorder=1)
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - 0.5, -0.5)
        for edge in range(1, len(names)):
            axes.axhline(edge - 0.5, color=GRID, lw=0.8, zorder=0)
        if bounds is not None:
            axes.set_xlim(*bounds)
        axes.grid(axis="x")
        axes.locator_params(axis="x", nbins=6, steps=[1, 2, 5, 10])
        axes.tick_params(axis="y", length=0)
        axes.set(xlabel=label, title=title)
        legend_below(figure, axes)
