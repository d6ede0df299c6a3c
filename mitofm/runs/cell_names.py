"""Which cell is meant by a path, a name, or a part of a name; what else such a word may mean."""

from __future__ import annotations

import difflib
from pathlib import Path

from mitofm.ground import below
from mitofm.ground.errors import MitofmError
from mitofm.runs.books import studies
from mitofm.runs.folder import CellFolder, State

_FEW = 3


def find_cell(runs: Path, given: str, holding: str = "config.yaml") -> Path:
    """Find the folder of a cell, which has the file `holding`, by its path, its name, or a part of its name that is unique.

    Raises:
        MitofmError: no cell matches, or several do.
    """
    if (Path(given) / "config.yaml").is_file():
        below.close(found := Path(given).resolve())
        return found  # callers need its name, which "." has not
    below.close(runs)
    names = [folder.name for folder in (runs / "cells").glob("*") if (folder / holding).is_file()]
    meant = [given] if given in names else [name for name in names if given in name]
    if not meant:
        _refuse_what_is_no_result(runs, given)
        near = difflib.get_close_matches(given, names, n=3, cutoff=0.3)
        guess = f" Near: {', '.join(near)}" if near else ""
        told = "" if holding == "config.yaml" else f" that hold {holding}"
        raise MitofmError(f"no cell {given!r} among the {len(names)} in {runs / 'cells'}{told}.{guess}")
    if len(meant) > 1:
        raise MitofmError(
            f"{given!r} is part of the names of {len(meant)} cells in {runs / 'cells'}: {', '.join(sorted(meant)[:6])}. "
            "Give more of one"
        )
    return runs / "cells" / meant[0]


def _refuse_what_is_no_result(runs: Path, given: str) -> None:
    """Raise a MitofmError if `given` names a cell that has no result, or a study."""
    begun = [folder.name for folder in (runs / "cells").glob("*") if (folder / "config.yaml").is_file()]
    meant = [name for name in begun if given in name]
    if len(meant) == 1 and (state := CellFolder(runs, meant[0]).read_state()) is not State.DONE:
        raise MitofmError(f"{meant[0]} is {state.value}, and a finished cell is needed: see `mitofm logs {meant[0]}`")
    if given in studies.list_names(runs):
        cells = sorted(studies.read(runs, given).cells)
        more = ", ..." if len(cells) > _FEW else ""
        raise MitofmError(f"{given!r} is a study: give one of its {len(cells)} cells: {', '.join(cells[:_FEW])}{more}")
