"""`mitofm logs CELL`: what a cell has logged, and why it failed or was skipped."""

from __future__ import annotations

from pathlib import Path

from mitofm.commands.composing import compose, split_words
from mitofm.runs.execute import LOG
from mitofm.runs.folder import CellFolder, find_cell
from mitofm.runs.resolve import plain


def main(arguments: list[str]) -> None:
    """Print the log of a cell, then its marker's text."""
    (given,), overrides = split_words(arguments, "a cell")
    place = find_cell(Path(plain(compose("status", overrides))["paths"]["runs"]), given)
    log = place / LOG
    print(f"{place}\n{log.read_text(encoding='utf-8', errors='replace') if log.is_file() else 'no log'}")
    folder = CellFolder(place.parent.parent, place.name)
    print(f"{folder.state().value}\n{folder.marked()}".rstrip())
