"""Studies: lists of cells under a name. A cell that two studies share is listed in both and runs once."""

from __future__ import annotations

import csv
from pathlib import Path

from filelock import FileLock

from mitofm.errors import MitofmError, unknown
from mitofm.files import replacing


def enlist(runs: Path, study: str, cell: str) -> None:
    """Put a cell on the list of a study, once; safe for many processes."""
    if not study or not all(character.isalnum() or character in "_-." for character in study) or study[0] == ".":
        raise MitofmError(f"study={study!r}: a study is named with letters, digits, '_', '-' and '.'")
    file = _list(runs, study)
    file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{file}.lock"):
        cells = _read(file)
        if cell not in cells:
            with replacing(file) as temporary, temporary.open("w", newline="") as out:
                csv.writer(out).writerows([["cell"], *([name] for name in [*cells, cell])])


def cells(runs: Path, study: str) -> list[str]:
    """The folder names of a study's cells.

    Raises:
        MitofmError: there is no such study; the message lists those that are.
    """
    file = _list(runs, study)
    if not file.is_file():
        raise unknown("study", study, names(runs), str(runs / "studies"))
    return _read(file)


def names(runs: Path) -> list[str]:
    """The studies that have cells."""
    return sorted(file.parent.name for file in (runs / "studies").glob("*/cells.csv"))


def _list(runs: Path, study: str) -> Path:
    return runs / "studies" / study / "cells.csv"


def _read(file: Path) -> list[str]:
    if not file.is_file():
        return []
    with file.open(newline="") as rows:
        return [row["cell"] for row in csv.DictReader(rows)]
