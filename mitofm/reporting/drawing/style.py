"""How every figure looks, and how it is kept: PNG, SVG and PDF whose bytes depend on nothing but the numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from mitofm.evaluation.statistics import Estimate
from mitofm.ground import fingerprints
from mitofm.ground.terminal import escape
from mitofm.reporting.drawing.pointing import find_places, spell_places
from mitofm.reporting.drawing.redrawing import Calls, bring, keep

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, MUTED, GRID, MARK = "#1f2933", "#52606d", "#e4e7eb", "#D55E00"
# Okabe and Ito (2008): told apart in all common kinds of colour blindness; shapes tell them apart in grey.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
WIDTH = 4.8
"""Inches: about 350 points, so that text keeps its size on a telephone and grows on a desk."""

_SETTINGS: Any = {
    "figure.dpi": 100,
    "savefig.dpi": 200,
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "svg.hashsalt": "mitofm",
    "svg.fonttype": "path",
}
_POWER = re.compile(r"\$\\mathdefault\{[-\d.{}^\\a-z ]*\}\$")  # a number of a logarithmic axis
_PAD = 0.08  # inches
_TITLE = 48  # characters in a line
# Without dates and versions, so that equal figures are equal files.
_METADATA: Any = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


@dataclass(frozen=True)
class Drawn:
    """A figure that was kept in files (PNG, SVG, PDF), of which `stem` is the path without ending.

    `description` is what it shows, in words; `about` are the models, adaptations and domains, for the filters of the page.
    """

    stem: Path
    title: str
    description: str
    about: Collection[str] = ()


@dataclass(frozen=True)
class Look:
    """The colour and marker of a series; that of a random twin is hollow, and greyed."""

    colour: str
    marker: str
    hollow: bool = False

    @property
    def face(self) -> str:
        """The colour inside its markers."""
        return "white" if self.hollow else self.colour

    @property
    def dashes(self) -> Any:
        """The style of its lines."""
        return (0, (4, 1.5)) if self.hollow else "-"

    @property
    def twin(self) -> Look:
        """That of the same series on random weights."""
        own, grey = (np.array([int(one[at : at + 2], 16) for at in (1, 3, 5)]) for one in (self.colour, MUTED))
        return replace(self, colour="#" + bytes((0.6 * own + 0.4 * grey).astype(np.uint8)).hex(), hollow=True)


def assign_looks(series: Sequence[str]) -> dict[str, Look]:
    """A look for each series, by its place; the markers shift with every turn through the colours."""
    count = len(_COLOURS)
    return {
        name: Look(_COLOURS[place % count], _MARKERS[(place + place // count) % count])
        for place, name in enumerate(series)
    }


def make_slug(*parts: str) -> str:
    """Words as a file name; if that loses more than blanks and marks, a digest keeps different words apart."""
    name = "-".join(filter(None, (re.sub(r"[^a-z0-9_.]+", "-", part.lower()).strip("-") for part in parts)))
    lost = [part for part in parts if re.search(r"[^\w\s.,:;()%/'=-]|[^\x00-\x7f]", part)]
    return "-".join(filter(None, (name, fingerprints.of(lost)[:6] if lost else "")))


@contextmanager
def draw(
    stem: Path, height: float, heading: str = "", width: float = WIDTH, columns: int = 3
) -> Iterator[tuple[Figure, Axes]]:
    """Yield a figure and its axes of `width` x `height` inches; at the end keep it as `stem`.png, .svg and .pdf.

    Its legend, in `columns` at most, goes below it, over no data.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots()
        calls = Calls(height, heading, width, columns)
        yield calls.watch(figure), calls.watch(axes)
        # A long one would make all else small; looking at each drawing for what is above the axes takes a tenth of it.
        axes.set_title(fill(heading, _TITLE, break_on_hyphens=False), y=1.0)
        handles, names = axes.get_legend_handles_labels()
        if names:
            columns = min(columns, len(names))
            figure.legend(handles, names, loc="outside lower center", ncols=columns, handlelength=1.8)
        stem.parent.mkdir(parents=True, exist_ok=True)
        kept = calls.find(figure)
        if not bring(kept, stem, list(_METADATA)):
            _keep(figure, stem)
            keep(kept, stem, list(_METADATA))


def _keep(figure: Figure, stem: Path) -> None:
    _show_as_text(figure)
    layout: Any = figure.get_layout_engine()
    layout.execute(figure)  # once for all files: it takes longer than drawing
    figure.set_layout_engine(None)
    box = figure.get_tightbbox().padded(_PAD)
    places = spell_places(find_places(figure, box))
    for ending, metadata in _METADATA.items():  # not with_suffix: a name may hold a dot
        told = metadata | ({"Description": places} if ending == "svg" and places else {})
        figure.savefig(f"{stem}.{ending}", metadata=told, bbox_inches=box)


def _show_as_text(figure: Figure) -> None:
    """Let no name be read as a formula ("$x$"), or break the SVG by a character that XML cannot hold."""
    from matplotlib.text import Text
    from matplotlib.ticker import FixedFormatter

    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        formatter = axis.get_major_formatter()
        if isinstance(formatter, FixedFormatter):  # others write numbers, and powers of ten as formulas
            formatter.seq = [_escape_formulas(name) for name in formatter.seq]
    for text in figure.findobj(Text):
        if not _POWER.fullmatch(text.get_text()):
            text.set_text(_escape_formulas(text.get_text()))


def _escape_formulas(name: str) -> str:
    return re.sub(r"(?<!\\)\$", r"\\$", escape(name, lines=True))


def stack_ends(estimates: Sequence[Estimate]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values, lower and upper ends of the intervals, for drawing; NaN for none."""
    columns = zip(*((estimate.value, estimate.low, estimate.high) for estimate in estimates), strict=True)
    value, low, high = (np.array(column, dtype=float) for column in columns)
    return value, low, high


def find_limits(estimates: Iterable[Estimate]) -> tuple[float, float]:
    """Axis limits for values in [0, 1]: all values and intervals, with some air, in steps of 0.05."""
    found = [bound for e in estimates for bound in (e.value, e.low, e.high) if bound is not None] or [0.5, 1.0]
    low, high = math.floor((min(found) - 0.01) * 20) / 20, math.ceil((max(found) + 0.01) * 20) / 20
    return max(0.0, low), min(1.005, high)
