"""Reliability diagrams: are samples called positive with a probability of 0.8 positive in 80 of 100 cases?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from mitofm.evaluation.reliability import BINS, Bin, bin_probabilities
from mitofm.reporting.drawing.readable import choose_panels
from mitofm.reporting.drawing.series import group_adaptations
from mitofm.reporting.drawing.style import GRID, Drawn, draw, make_slug
from mitofm.reporting.finding import Found, Measured, Section
from mitofm.reporting.measured.grouping import group_by
from mitofm.reporting.measured.results import Result, collect_names
from mitofm.reporting.measured.stored import Stored
from mitofm.reporting.numbers import NOTHING, join, name_subset
from mitofm.reporting.tables import Entry, Table, make_table, name_row


@dataclass(frozen=True)
class Calibration(Result):
    """A result, and the bins of its reliability diagram."""

    bins: list[Bin]


def find(measured: Measured) -> Found:
    """The diagrams and their bins."""
    found = measure_calibration(measured.stored, measured.primary)
    bars = (
        " Bars are 95 % intervals over slides."
        if any(part.low is not None for one in found for part in one.bins)
        else ""
    )
    text = f"On the grey line a probability is what it says.{bars}"
    drawn, left_out = draw_diagrams(found, measured.order, measured.figures)
    return Found([Section("Reliability", f"{text} {left_out}".rstrip(), drawn, tabulate(found), folded=True)])


def measure_calibration(stored: Stored, results: Iterable[Result]) -> list[Calibration]:
    """Of every model, adaptation, setting and evaluation set, at its largest fraction."""

    def line(result: Result) -> tuple[str, str, str, str]:
        key = result.configuration
        return key.where, result.set, key.model, key.adaptation

    smallest_first = sorted(results, key=lambda result: result.configuration.fraction)
    found = []
    for *_, result in group_by(smallest_first, line).values():

        def compute(result: Result = result) -> list[dict]:
            found = stored.samples(result.group, result.set).items()
            seeds = [part | {"logit": part["logit"] + stored.shifts[result.group.done[key]]} for key, part in found]
            return [asdict(part) for part in bin_probabilities(seeds)]

        shifts = [stored.shifts[cell] for cell in result.group.done.values()]
        made_of = ["reliability", stored.contents(result.group), shifts, result.set, BINS]
        bins = [Bin(**plain) for plain in stored.kept.get(made_of, compute)]
        found.append(Calibration(result.group, result.set, result.metrics, bins))
    return found


def draw_diagrams(found: Sequence[Calibration], order: list[str], folder: Path) -> tuple[list[Drawn], str]:
    """One for each model, setting and evaluation set, a line per adaptation; and a sentence on those that are left out."""
    panels = group_by(found, lambda one: (one.configuration.where, one.set, one.configuration.model))
    chosen, left_out = choose_panels(panels, lambda one: one.auroc.value)
    return [_draw_panel(key, panels[key], order, folder) for key in chosen], left_out


def _draw_panel(key: tuple[str, str, str], members: list[Calibration], order: list[str], folder: Path) -> Drawn:
    where, tested, model = key
    stem, said = folder / make_slug("reliability", where, tested, model), []
    title = join(model, where, name_subset(tested))
    with draw(stem, 4.2, title) as (_, axes):
        axes.plot([0, 1], [0, 1], color=GRID, lw=1.4, zorder=0)
        for name, style, line in group_adaptations(members, order):
            bins = [part for one in line for part in one.bins]
            x, share = [part.probability for part in bins], [part.share for part in bins]
            low, high = (np.array([getattr(part, end) for part in bins], dtype=float) for end in ("low", "high"))
            axes.vlines(x, low, high, color=style.colour, lw=0.9, alpha=0.6)
            line_of = {"color": style.colour, "mfc": style.face, "ls": style.dashes}
            axes.plot(x, share, marker=style.marker, ms=4.5, lw=1.4, label=name, **line_of)
            said.append(f"{name}: " + ", ".join(f"{part.share:.2f} at {part.probability:.2f}" for part in bins))
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        axes.set(xlabel="mean probability of the samples", ylabel="share of positives")
    return Drawn(stem, f"Reliability: {title}", "; ".join(said), collect_names(members))


def tabulate(found: Sequence[Calibration]) -> Table:
    """The bins of every diagram."""
    rows = [
        [
            *name_row(one.configuration, one.set),
            Entry("mean probability", f"{part.probability:.3f}", asdict(part)),
            Entry("share of positives", f"{part.share:.3f}"),
            Entry("95 % interval", NOTHING if part.low is None else f"{part.low:.3f} to {part.high:.3f}"),
            Entry("samples", f"{part.cells:,}"),
            Entry("slides", str(part.slides)),
        ]
        for one in found
        for part in one.bins
    ]
    note = (
        f"The samples of all seeds together, at the largest fraction, in {BINS} bins of equal size; intervals are over slides "
        "and none is given for a bin of fewer than six. Samples count by the inverse of their chance to be tested if slides had "
        "unequal ones. Whether a probability is right depends on how common positives are."
    )
    return make_table("reliability", "Bins of the reliability diagrams", rows, note)
