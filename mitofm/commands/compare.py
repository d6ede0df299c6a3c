"""`mitofm compare A B`: the configurations of one study minus their counterparts of another."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mitofm.commands.composing.asking import ask_about
from mitofm.commands.showing.terminal_table import show
from mitofm.ground.errors import MitofmError
from mitofm.ground.terminal import tell
from mitofm.training.settings import Paths


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
    show(found)
    tell(out / "compare.csv")
