"""`mitofm compare A B`: the configurations of one study minus their counterparts of another."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mitofm.commands.asking import ask_about
from mitofm.ground.errors import MitofmError
from mitofm.ground.terminal import make_row, tell
from mitofm.training.settings import Paths

if TYPE_CHECKING:
    from mitofm.reporting.tables import Table

_WIDTH = 120  # of a terminal in which every column of the table can be read


@dataclass(frozen=True, kw_only=True)
class CompareSettings:
    """`conf/compare.yaml`."""

    paths: Paths
    out: Path | None


def main(arguments: list[str]) -> None:
    """Print the table and write it as CSV, Markdown and LaTeX."""
    (first, second), settings = ask_about(CompareSettings, "compare", arguments, "a study", "another")
    if first == second:
        raise MitofmError(f"{first!r} is compared with itself: give two studies")
    from mitofm.reporting.compare import compare

    runs = settings.paths.runs
    found = compare(runs, first, second, settings.paths.cache)
    out = settings.out or runs / "reports" / f"{first}-minus-{second}"
    found.write(out)
    screen = shutil.get_terminal_size((_WIDTH, 24)).columns
    if screen < _WIDTH:
        tell(*list_pairs(found, screen))
    else:
        _print_grid(found, screen)
    tell(out / "compare.csv")


def list_pairs(found: Table, screen: int) -> Iterator[str]:
    """The table for a screen of so many columns, on which no row has room: a block of lines for each pair."""
    columns = [str(column) for column in found.shown]
    width = max(map(len, columns))
    wrap = partial(textwrap.wrap, width=screen, break_long_words=True)
    yield from wrap(found.title)
    for row in found.shown.itertuples(index=False):
        yield ""
        for column, value in zip(columns, make_row(row), strict=True):
            begin = f"{column:{width}}  "
            yield from wrap(str(value), initial_indent=begin, subsequent_indent=" " * len(begin)) or [begin.rstrip()]
    yield ""
    yield from wrap(found.caption)


def _print_grid(found: Table, screen: int) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table as Grid

    title, caption = make_row((found.title, found.caption))
    grid = Grid(title=title, title_justify="left", caption=caption, caption_justify="left", box=box.SIMPLE)
    for column in found.shown:
        grid.add_column(str(column), overflow="fold", no_wrap=column in ("seeds", "slides", "outcome"))
    for row in found.shown.itertuples(index=False):
        grid.add_row(*make_row(row))
    Console(width=screen).print(grid)
