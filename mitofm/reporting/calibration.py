"""Reliability diagrams: are cells called positive with a probability of 0.8 positive in 80 of 100 cases?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mitofm.evaluation.reliability import BINS, Bin, reliability
from mitofm.reporting.contents import AXES, full_axes, shown_axes
from mitofm.reporting.estimates import ALL, Result, Stored
from mitofm.reporting.filters import named
from mitofm.reporting.numbers import NOTHING, set_words
from mitofm.reporting.style import GRID, Drawn, canvas, legend_below, looks, slug
from mitofm.reporting.tables import Table, table


@dataclass(frozen=True)
class Calibration:
    """The bins of one result."""

    result: Result
    bins: list[Bin]


def calibrations(stored: Stored, results: Iterable[Result]) -> list[Calibration]:
    """Of every model, adaptation, setting and evaluation set, at its largest fraction."""
    lines: dict[tuple[str, str, str, str], Result] = {}
    for result in sorted(results, key=lambda result: result.configuration.fraction):
        key = result.configuration
        lines[key.where, result.set, key.model, key.adaptation] = result
    found = []
    for result in lines.values():
        content = [stored.content(cell) for cell in result.group.done.values()]

        def compute(result: Result = result) -> list[dict]:
            seeds = list(stored.predictions(result.group, result.set).values())
            return [part.plain() for part in reliability(seeds)]

        bins = stored.kept.get(["reliability", content, result.set, BINS], compute)
        found.append(Calibration(result, [Bin(**plain) for plain in bins]))
    return found


def reliability_diagrams(found: Sequence[Calibration], order: list[str], folder: Path) -> list[Drawn]:
    """One for each model, setting and evaluation set, a line per adaptation."""
    panels: dict[tuple[str, str, str], list[Calibration]] = {}
    for one in found:
        key = one.result.configuration
        panels.setdefault((key.where, one.result.set, key.model), []).append(one)
    return [_panel(key, members, order, folder) for key, members in sorted(panels.items())]


def _panel(key: tuple[str, str, str], members: list[Calibration], order: list[str], folder: Path) -> Drawn:
    where, tested, model = key
    title = ", ".join(part for part in (model, where, set_words(tested) if tested != ALL else "") if part)
    stem, look = folder / slug("reliability", where, tested, model), looks(order)
    members.sort(key=lambda one: order.index(one.result.configuration.adaptation))
    with canvas(stem, height=4.2) as (figure, axes):
        axes.plot([0, 1], [0, 1], color=GRID, lw=1.4, zorder=0)
        for one in members:
            name = one.result.configuration.adaptation
            x, style = [part.probability for part in one.bins], look[name]
            low, high = (np.array([getattr(part, end) for part in one.bins], dtype=float) for end in ("low", "high"))
            axes.vlines(x, low, high, color=style.colour, lw=0.9, alpha=0.6)
            share = [part.share for part in one.bins]
            axes.plot(x, share, color=style.colour, marker=style.marker, ms=4.5, lw=1.4, label=name)
        axes.set(
            xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel="mean probability of the cells", ylabel="share of positives"
        )
        axes.set_title(title)
        legend_below(figure, axes)
    said = "; ".join(
        f"{one.result.configuration.adaptation}: "
        + ", ".join(f"{part.share:.2f} at {part.probability:.2f}" for part in one.bins)
        for one in members
    )
    return Drawn(stem, f"Reliability: {title}", said, named(one.result for one in members))


def reliability_table(found: Sequence[Calibration]) -> Table:
    """The bins of every diagram."""
    rows = []
    for one in found:
        key = one.result.configuration
        for part in one.bins:
            interval = NOTHING if part.low is None else f"{part.low:.3f} to {part.high:.3f}"
            shown = {
                **shown_axes(key, one.result.set),
                "mean probability": f"{part.probability:.3f}",
                "share of positives": f"{part.share:.3f}",
                "95 % interval": interval,
                "cells": f"{part.cells:,}",
                "slides": str(part.slides),
            }
            rows.append((shown, full_axes(key, one.result.set) | part.plain()))
    note = (
        f"The cells of all seeds together, at the largest fraction, in {BINS} bins of equal size; intervals are over slides "
        "and none is given for a bin of fewer than six. Whether a probability is right depends on how common positives are."
    )
    return table("reliability", "Bins of the reliability diagrams", rows, note, AXES)
