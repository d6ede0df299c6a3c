"""ROC curves: how many positives are found at each share of negatives that are called positive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mitofm.evaluation.roc import SHARES, average_curve
from mitofm.reporting.drawing.captions import describe_fraction
from mitofm.reporting.drawing.series import group_adaptations
from mitofm.reporting.drawing.style import GRID, Drawn, draw, make_slug
from mitofm.reporting.finding import Found, Measured, Section
from mitofm.reporting.measured.grouping import group_by, keep_largest
from mitofm.reporting.measured.results import Result, collect_names
from mitofm.reporting.measured.stored import Stored
from mitofm.reporting.numbers import join, name_subset

_MOST, _TOLD = 6, 10
"""So many figures are drawn; at this share of negatives (%) a figure's description says the sensitivity."""


@dataclass(frozen=True)
class Curve(Result):
    """A result, and the mean over its trainings of the sensitivity at each of `SHARES`."""

    found: list[float]


def find(measured: Measured) -> Found:
    """A figure for each model, setting and evaluation set, a line per adaptation, at the largest fraction."""
    lines = group_by(measured.primary, lambda one: (one.configuration.where, one.set, one.named))
    largest = [result for members in lines.values() for result in keep_largest(members)]
    panels = group_by(largest, lambda one: (one.configuration.where, one.set, one.configuration.model))
    fullest = sorted(sorted(panels.items()), key=lambda one: -len(one[1]))[:_MOST]
    traced = [(key, [trace(measured.stored, result) for result in members]) for key, members in fullest]
    curves = {key: [curve for curve in members if curve.found] for key, members in traced}
    drawn = [_draw_panel(key, of, measured.order, measured.figures) for key, of in curves.items() if of]
    if not drawn:
        return Found()
    several = any(one.auroc.seeds > 1 for members in curves.values() for one in members)
    means = "Lines are means over trainings. " if several else ""
    of = f"Of {len(panels)} figures the {_MOST} of most lines. " if len(panels) > _MOST else ""
    text = f"{means}The grey line is chance. {of}{describe_fraction(drawn, measured.primary)}"
    return Found([Section("ROC curves", text.strip(), drawn)])


def trace(stored: Stored, result: Result) -> Curve:
    """The curve of a result; kept."""

    def compute() -> list[float]:
        return average_curve(stored.samples(result.group, result.set).values())

    made_of = ["roc", stored.contents(result.group), result.set, len(SHARES)]
    return Curve(result.group, result.set, result.metrics, stored.kept.get(made_of, compute))


def _draw_panel(key: tuple[str, str, str], members: Sequence[Curve], order: list[str], folder: Path) -> Drawn:
    where, tested, model = key
    stem, said = folder / make_slug("roc", where, tested, model), []
    title = join(model, where, name_subset(tested))
    with draw(stem, 4.2, title) as (_, axes):
        axes.plot([0, 1], [0, 1], color=GRID, lw=1.4, zorder=0)
        for name, style, line in group_adaptations(members, order):
            for curve in line:
                axes.plot(SHARES, curve.found, color=style.colour, ls=style.dashes, lw=1.5, label=name)
                said.append(f"{name}: sensitivity {curve.found[_TOLD]:.2f} at {_TOLD} % false positives")
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
        axes.set(xlabel="negatives called positive (1 − specificity)", ylabel="positives found (sensitivity)")
    return Drawn(stem, f"ROC: {title}", "; ".join(said), collect_names(members))
