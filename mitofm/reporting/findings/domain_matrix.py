"""Domain shift, as heat maps of AUROC: the domain trained on by the domain tested on."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from textwrap import fill

import numpy as np

from mitofm.reporting.drawing.readable import choose_panels
from mitofm.reporting.drawing.style import INK, MARK, Drawn, draw, make_slug
from mitofm.reporting.finding import Found, Measured, Section
from mitofm.reporting.measured.grouping import group_by, keep_largest
from mitofm.reporting.measured.results import Result
from mitofm.reporting.numbers import NOTHING, join, name_set

_LINE = 18
"""Characters of a domain's name in a line: names of tumors are long, and the map is what should have the room."""


def find(measured: Measured) -> Found:
    """A heat map for each model and adaptation trained on single domains; none of a single row or column."""
    drawn, left_out = draw_matrices(measured.domains, measured.figures)
    framed = any(_is_own(one) for one in measured.domains)
    text = "Framed: tested on other slides of the domain trained on." if framed else ""
    text = f"{text} {left_out}".strip()
    return Found([Section("Domain trained on by domain tested on", text, drawn)]) if drawn else Found()


def draw_matrices(results: Iterable[Result], folder: Path) -> tuple[list[Drawn], str]:
    """Draw one heat map for every model, adaptation and setting trained on single domains, at its largest fraction.

    Also a sentence on those that are left out.
    """
    trained = group_by(
        (result for result in results if result.configuration.train_domain),
        lambda one: (one.configuration.setting, one.configuration.model, one.configuration.adaptation),
    )
    largest = {key: keep_largest(found) for key, found in trained.items()}
    maps = {
        key: found
        for key, found in largest.items()
        if len({one.configuration.train_domain for one in found}) > 1 and len({one.set for one in found}) > 1
    }
    values = [result.auroc.value for found in maps.values() for result in found if result.auroc.value is not None]
    # One scale for all maps, as narrow as the values allow: small differences are the point.
    scale = (min(values), max(values)) if values else (0.5, 1.0)
    chosen, left_out = choose_panels(maps, lambda one: one.auroc.value)
    return [_draw_matrix(maps[key], scale, folder) for key in chosen], left_out


def _is_own(result: Result) -> bool:
    return result.configuration.train_domain == name_set(result.set)


def _draw_matrix(results: list[Result], scale: tuple[float, float], folder: Path) -> Drawn:
    key = results[0].configuration
    trained = sorted({result.configuration.train_domain for result in results})
    tested = sorted({result.set for result in results}, key=lambda name: (name_set(name) not in trained, name))
    values = np.full((len(trained), len(tested)), np.nan)
    for result in results:
        if result.auroc.value is not None:
            values[trained.index(result.configuration.train_domain), tested.index(result.set)] = result.auroc.value
    title = join(key.model, key.adaptation, key.setting)
    stem = folder / make_slug("matrix", key.setting, key.model, key.adaptation)
    with draw(stem, 2.1 + 0.42 * len(trained), title) as (figure, axes):
        axes.set_facecolor("#f0f2f4")
        image = axes.imshow(values, cmap="Blues", vmin=scale[0], vmax=scale[1], aspect="auto")
        for (row, column), value in np.ndenumerate(values):
            text = f"{value:.2f}" if np.isfinite(value) else NOTHING
            axes.text(column, row, text, ha="center", va="center", color=_choose_ink(image.to_rgba(value)), fontsize=9)
            if name_set(tested[column]) == trained[row]:
                axes.plot(*_outline(column, row), color=MARK, lw=2)
        names = [fill(name_set(name), _LINE) for name in tested]
        axes.set_xticks(range(len(tested)), names, rotation=90, multialignment="right")
        axes.set_yticks(range(len(trained)), [fill(name, _LINE) for name in trained])
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set(xlabel="tested on", ylabel="trained on")
        bar = figure.colorbar(image, ax=axes, label="AUROC", fraction=0.05, pad=0.02)
        bar.ax.locator_params(axis="y", nbins=5, steps=[1, 2, 5, 10])
    said = "; ".join(
        f"trained on {r.configuration.train_domain}, tested on {name_set(r.set)}: {r.auroc.value:.2f}"
        for r in results
        if r.auroc.value is not None
    )
    name = f"AUROC by domain trained on and tested on, with {key.amount}: {title}"
    return Drawn(stem, name, said, [key.model, key.adaptation])


def _choose_ink(colour: np.ndarray) -> str:
    """Dark or white text, whichever contrasts more with an RGBA `colour` (relative luminance of WCAG 2)."""
    red, green, blue, opacity = colour
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in (red, green, blue)]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return INK if luminance > 0.21 or not opacity else "white"


def _outline(column: int, row: int) -> tuple[list[float], list[float]]:
    """The outline of an entry of the map, just inside its edges."""
    left, right, top, bottom = column - 0.47, column + 0.47, row - 0.45, row + 0.45
    return [left, right, right, left, left], [top, top, bottom, bottom, top]
