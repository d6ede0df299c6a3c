"""What is known of cells that have ended without reading all of their files."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from mitofm.ground.errors import MitofmError
from mitofm.ground.fingerprints import Remembered
from mitofm.runs.books import studies
from mitofm.runs.folder import CellFolder, DamagedCell, State, check_sums
from mitofm.training.settings import Settings


def read_state(settings: Settings, name: str) -> State:
    """The state of the cell in the folder `name`; `FAILED` if it is finished and a file of it is another one."""
    folder = CellFolder(settings.paths.runs, name)
    state = folder.read_state()
    try:
        if state is State.DONE:
            check_sums(folder.path, Remembered(settings.paths.cache / "fingerprints"))
    except DamagedCell:
        return State.FAILED
    return state


def list_marks(runs: Path, study: str) -> list[list[int | str]]:
    """Size and time of the markers of a study's cells and of its books: they change with what is collected of it."""
    marks: list[list[int | str]] = []
    with suppress(MitofmError):  # there is no such study yet
        listed = studies.read(runs, study)
        files = list((runs / "studies" / study).glob("*.json*"))
        for cell in listed.cells:
            files += (
                runs / "cells" / cell / state for state in ("DONE", "SKIPPED", "FAILED", "cell.json", "metrics.json")
            )
        for file in files:
            with suppress(OSError):
                found = file.stat()
                marks.append([str(file.relative_to(runs)), found.st_size, found.st_mtime_ns])
    return sorted(marks)
