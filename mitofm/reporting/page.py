"""The page: one HTML file that holds its style and its figures and asks nothing of the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from mitofm.ground import files
from mitofm.ground.terminal import escape
from mitofm.reporting.drawing.pointing import split_places
from mitofm.reporting.drawing.style import Drawn
from mitofm.reporting.escaping import quote_css
from mitofm.reporting.filters import Filters
from mitofm.reporting.finding import Section
from mitofm.reporting.front import MOST, Front
from mitofm.reporting.tables import Table

if TYPE_CHECKING:
    from jinja2 import Environment


@dataclass(frozen=True)
class Chapter:
    """What the page says of one data set.

    `stored` says where its results come from if they were not made here.
    """

    dataset: str
    task: str
    front: Front
    answer: Sequence[str]
    cautions: Sequence[str]
    sections: Sequence[Section]
    filters: Filters
    stored: str = ""


@dataclass(frozen=True)
class Page:
    """The whole page.

    Attributes:
        title: the study.
        about: lines under the title: its question, its dates.
        cautions: about all chapters.
        chapters: one for each data set.
        unfinished: the cells without a result.
    """

    title: str
    about: Sequence[str]
    cautions: Sequence[str]
    chapters: Sequence[Chapter]
    unfinished: Table

    @property
    def filters(self) -> Filters:
        """By what all chapters may be narrowed."""
        return Filters.join(chapter.filters for chapter in self.chapters)

    @property
    def first(self) -> Chapter:
        """The chapter that the page opens with: the first that may give verdicts on methods, else the first."""
        return next((one for one in self.chapters if one.front.decides), self.chapters[0])

    @property
    def own(self) -> Front | None:
        """The opening of the study itself, one sentence long, if the page opens with another one."""
        return None if self.first is self.chapters[0] else self.chapters[0].front.shorten(1)

    @property
    def first_cautions(self) -> Sequence[str]:
        """Those that the page opens with."""
        return [*self.first.cautions, *self.cautions]

    @property
    def sentences(self) -> Sequence[str]:
        """What the page opens with; with those of `own` they are `MOST`."""
        return self.first.front.shorten(MOST - (self.own is not None)).sentences


def write_page(page: Page, path: Path) -> Path:
    """Render `page` into `path`; figures are embedded as SVG."""
    files.write_text(path, make_environment().get_template("report.html.j2").render(page=page, filters=page.filters))
    return path


def make_environment() -> Environment:
    """Where the templates are found, and how they are rendered: what is put in is escaped, what is absent is an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("mitofm.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_show,
    )
    environment.filters["embedded"] = _embed
    environment.filters["quoted_for_css"] = quote_css
    environment.filters["unbroken"] = lambda text: text.replace(" %", "\N{NO-BREAK SPACE}%")
    return environment


def _show(value: object) -> object:
    """What is put in, before it is escaped for HTML: marks that would turn the direction of a line are spelt out."""
    return escape(value, lines=True) if type(value) is str else value  # not markup, which a macro has made


def _embed(figure: Drawn) -> dict[str, object]:
    """Its picture as a data URI (percent-encoded, a sixth shorter than base64), and the places in it that say something."""
    svg, places = split_places(Path(f"{figure.stem}.svg").read_text(encoding="utf-8"))
    content = svg.replace("\n", " ")
    return {"source": f"data:image/svg+xml,{quote(content, safe=' /:=;,+-._')}", "places": places}
