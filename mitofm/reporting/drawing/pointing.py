"""What a reader may point at in a figure: marks with their numbers in words.

A figure's SVG carries them as its description, so that the file alone is enough for the page. There they become spots over
the picture that show their words under a mouse, a finger or the keyboard. A plotting library would be a hundred times as
large as a page's own script, and would draw the numbers a second time, perhaps otherwise than the files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from html import unescape
from typing import TYPE_CHECKING, Any, NamedTuple

from mitofm.ground.terminal import escape

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_METADATA = re.compile(r"<metadata>.*?</metadata>", re.S)
_DESCRIPTION = re.compile(r"<dc:description>(.*?)</dc:description>", re.S)
_GROUP = "pointed at: "
_MOST = 400
"""A figure of more marks is for looking at as a whole."""


class Place(NamedTuple):
    """A mark: how far from the left and from the top of the picture (%), and what it says."""

    left: float
    top: float
    words: str


def point_at(axes: Axes, x: Iterable[float], y: Iterable[float], words: Iterable[str]) -> None:
    """Let a reader point at the marks at `x` and `y` (in the axes' own units), which say `words`."""
    from matplotlib.lines import Line2D

    for one, other, said in zip(x, y, words, strict=True):
        mark = Line2D([one], [other], ls="", visible=False)  # part of the figure, and drawn nowhere
        mark.set_gid(f"{_GROUP}{escape(said, lines=True)}")
        axes.add_line(mark)


def find_places(figure: Figure, box: Any) -> list[Place]:
    """Where the marks of a figure that is laid out are in the part `box` (inches) of it that is kept."""
    found = []
    for axes in figure.axes:
        for mark in axes.lines:
            words = mark.get_gid() or ""
            if words.startswith(_GROUP):
                across, up = axes.transData.transform(mark.get_xydata())[0] / figure.dpi
                left, top = (across - box.x0) / box.width, 1 - (up - box.y0) / box.height
                found.append(Place(round(100 * left, 1), round(100 * top, 1), words.removeprefix(_GROUP)))
    known = [place for place in found if 0 <= place.left <= 100 and 0 <= place.top <= 100]  # NaN is nowhere
    return known if len(known) <= _MOST else []


def spell_places(places: Sequence[Place]) -> str:
    """As the description of an SVG; "" if there are none."""
    return json.dumps(places, ensure_ascii=False) if places else ""


def split_places(svg: str) -> tuple[str, list[Place]]:
    """An SVG without what describes it, and the places that were described."""
    described = _DESCRIPTION.search(svg)
    places = [Place(*one) for one in json.loads(unescape(described[1]))] if described else []
    return _METADATA.sub("", svg), places
