"""A table of a report on a terminal of any width."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from mitofm.ground.terminal import make_row, tell

if TYPE_CHECKING:
    from mitofm.reporting.tables import Table

_WIDTH = 120  # of a terminal in which every column of a table can be read
_WHOLE = ("seeds", "slides", "outcome")  # columns that are not broken


def show(table: Table) -> None:
    """Print the table as a grid, or row by row if the terminal is narrow."""
    screen = shutil.get_terminal_size((_WIDTH, 24)).columns
    if screen < _WIDTH:
        tell(*_list_pairs(table, screen))
    else:
        _print_grid(table, screen)


def _list_pairs(found: Table, screen: int) -> Iterator[str]:
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
        grid.add_column(str(column), overflow="fold", no_wrap=column in _WHOLE)
    for row in found.shown.itertuples(index=False):
        grid.add_row(*make_row(row))
    Console(width=screen).print(grid)
