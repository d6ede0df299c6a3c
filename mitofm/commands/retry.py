"""`mitofm retry STUDY|CELL`: run again what failed or was interrupted, from the configs that the cells keep."""

from __future__ import annotations

import logging
import sys

from mitofm.commands.composing import ask, split_words
from mitofm.commands.status import StatusSettings
from mitofm.ground.errors import MitofmError
from mitofm.runs import studies
from mitofm.runs.execute import run_again
from mitofm.runs.folder import SETTLED, CellFolder, find_cell


def main(arguments: list[str]) -> None:
    """Run the cells one after the other; end with a code that is not 0 where one fails again."""
    (given,), overrides = split_words(arguments, "a study or a cell")
    paths = ask(StatusSettings, "status", overrides).paths
    runs = paths.runs
    cells = studies.read(runs, given).cells if given in studies.list_names(runs) else [find_cell(runs, given).name]
    again = [cell for cell in cells if CellFolder(runs, cell).state() not in SETTLED]
    print(f"{len(again)} of {len(cells)} cells of {given} failed or were interrupted")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    failed = 0
    for cell in again:
        try:
            run_again(runs / "cells" / cell, paths)
        except Exception as error:  # whatever it is, the other cells run
            print(f"{cell}: {type(error).__name__}: {error}", file=sys.stderr)
            failed += 1
    if failed:
        raise MitofmError(f"{failed} of {len(again)} cells failed: mitofm logs CELL says why")
