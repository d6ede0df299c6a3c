"""`mitofm retry STUDY|CELL`: run failed, interrupted and damaged cells again, from the configs in their folders."""

from __future__ import annotations

import logging
import sys

from mitofm.commands.composing.asking import ask_about
from mitofm.commands.status import StatusSettings
from mitofm.ensembles.members import is_ensemble
from mitofm.ensembles.writing import mend
from mitofm.ground.errors import MitofmError
from mitofm.ground.fingerprints import Remembered
from mitofm.ground.terminal import tell
from mitofm.runs.books import studies
from mitofm.runs.cell_names import find_cell
from mitofm.runs.execute import find_damage, run_again
from mitofm.runs.folder import SETTLED, CellFolder


def main(arguments: list[str]) -> None:
    """Run the cells one after the other; end with a code that is not 0 if one fails again."""
    (given,), settings = ask_about(StatusSettings, "status", arguments, "a study or a cell")
    paths, runs = settings.paths, settings.paths.runs
    a_study = given in studies.list_names(runs)
    cells = studies.read(runs, given).cells if a_study else [find_cell(runs, given).name]
    remembered = Remembered(paths.cache / "fingerprints") if a_study else None  # all of one cell is read anew
    damaged = {cell: found for cell in cells if (found := find_damage(runs / "cells" / cell, remembered))}
    again = [cell for cell in cells if cell in damaged or CellFolder(runs, cell).read_state() not in SETTLED]
    tell(f"{len(again)} of {len(cells)} cells of {given} failed, were interrupted or are damaged")
    for found in damaged.values():
        tell(found.reason)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    failed = 0
    for cell in again:
        try:
            place = runs / "cells" / cell
            mend(place, runs) if is_ensemble(place) else run_again(place, paths)
        except Exception as error:  # the other cells run after any error
            tell(f"{cell}: {type(error).__name__}: {error}", file=sys.stderr)
            failed += 1
    if failed:
        raise MitofmError(f"{failed} of {len(again)} cells failed: mitofm logs CELL says why")
