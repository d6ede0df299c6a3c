"""`mitofm logs CELL`: what a cell has logged, and why it failed or was skipped."""

from __future__ import annotations

from mitofm.commands.composing.asking import ask_about
from mitofm.commands.status import StatusSettings
from mitofm.ground import below
from mitofm.ground.terminal import tell, tell_text
from mitofm.runs.cell_names import find_cell
from mitofm.runs.folder import CellFolder
from mitofm.runs.sums import LOG


def main(arguments: list[str]) -> None:
    """Print the log of a cell, then its marker's text."""
    (given,), settings = ask_about(StatusSettings, "status", arguments, "a cell")
    place = find_cell(settings.paths.runs, given)
    log = place / LOG
    told = below.check(log).read_text(encoding="utf-8", errors="replace") if log.is_file() else "no log"
    folder = CellFolder(place.parent.parent, place.name)
    tell(place)
    tell_text(told)
    tell(folder.read_state().value)
    if marker := folder.read_marker().rstrip():
        tell_text(marker)
