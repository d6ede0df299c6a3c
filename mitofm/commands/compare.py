"""`mitofm compare A B`: the configurations of one study minus their counterparts of another."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mitofm.commands.asking import ask_about
from mitofm.ground.errors import MitofmError
from mitofm.ground.terminal import make_row, tell
from mitofm.training.settings import Paths

_WIDTH = 120  # of a terminal in which every column can be read


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
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from mitofm.reporting.compare import compare

    runs = settings.paths.runs
    found = compare(runs, first, second, settings.paths.cache)
    out = settings.out or runs / "reports" / f"{first}-minus-{second}"
    found.write(out)
    title, caption = make_row((found.title, found.caption))
    grid = Table(title=title, title_justify="left", caption=caption, caption_justify="left", box=box.SIMPLE)
    for column in found.shown:
        grid.add_column(str(column), overflow="fold", no_wrap=column in ("seeds", "slides", "outcome"))
    for row in found.shown.itertuples(index=False):
        grid.add_row(*make_row(row))
    console = Console()
    console.print(grid, width=max(console.width, _WIDTH))
    tell(out / "compare.csv")
