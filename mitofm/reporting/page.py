"""The page: one HTML file that holds its style and its figures and asks nothing of the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from mitofm.ground import files
from mitofm.ground.terminal import escape
from mitofm.reporting.filters import Filters
from mitofm.reporting.finding import Section
from mitofm.reporting.style import Drawn
from mitofm.reporting.tables import Table

if TYPE_CHECKING:
    from jinja2 import Environment


@dataclass(frozen=True)
class Chapter:
    """What the page says of one data set."""

    dataset: str
    task: str
    answer: Sequence[str]
    cautions: Sequence[str]
    sections: Sequence[Section]
    filters: Filters


@dataclass(frozen=True)
class Page:
    """The whole page."""

    title: str
    cautions: Sequence[str]
    chapters: Sequence[Chapter]
    unfinished: Table

    @property
    def filters(self) -> Filters:
        """By what all chapters may be narrowed."""
        return Filters.join(chapter.filters for chapter in self.chapters)


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
    return environment


def _show(value: object) -> object:
    """What is put in, before it is escaped for HTML: marks that would turn the direction of a line are spelt out."""
    return escape(value, lines=True) if type(value) is str else value  # not markup, which a macro has made


def _embed(figure: Drawn) -> str:
    """As a data URI: percent-encoded, a sixth shorter than base64."""
    content = Path(f"{figure.stem}.svg").read_text(encoding="utf-8").replace("\n", " ")
    return f"data:image/svg+xml,{quote(content, safe=' /:=;,+-._')}"
