"""Studies: lists of cells under a name. A cell that two studies share is listed in both and runs once."""

from __future__ import annotations

import csv
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mitofm.errors import MitofmError, unknown
from mitofm.files import read_json, replacing, write_json
from mitofm.locks import lock
from mitofm.runs.folder import State

_COMPARISONS = "comparisons.json"
_SWEEP = "sweep.json"


def enlist(runs: Path, study: str, cell: str) -> None:
    """Put a cell on the list of a study, once; safe for many processes."""
    file = _list(runs, study)
    if cell in _read(file):
        return
    with lock(file.with_name(f"{file.name}.lock")):
        cells = _read(file)
        if cell not in cells:
            with replacing(file) as temporary, temporary.open("w", newline="") as out:
                csv.writer(out).writerows([["cell"], *([name] for name in [*cells, cell])])


def state(runs: Path, study: str, comparisons: Mapping[str, Any] | None) -> None:
    """Keep what a study states it will compare, so that reports need nothing else; once stated, it stays.

    Raises:
        MitofmError: the study has stated something else.
    """
    if comparisons is None:
        return
    file = _folder(runs, study) / _COMPARISONS
    if stated(runs, study) == comparisons:
        return
    with lock(file.with_name(f"{file.name}.lock")):
        before = stated(runs, study)
        if before is None:
            write_json(file, comparisons)
        elif before != comparisons:
            raise MitofmError(
                f"study {study!r} stated other comparisons before its first cell ran ({file}): take another study=... for "
                "these, or delete that file if no result has been looked at"
            )


def stated(runs: Path, study: str) -> dict[str, Any] | None:
    """The comparisons that a study has stated; None where it stated none."""
    file = _folder(runs, study) / _COMPARISONS
    return read_json(file) if file.is_file() else None


def cells(runs: Path, study: str) -> list[str]:
    """The folder names of a study's cells.

    Raises:
        MitofmError: there is no such study; the message lists those that are.
    """
    file = _list(runs, study)
    if not file.is_file():
        raise unknown("study", study, names(runs), str(runs / "studies"))
    return _read(file)


def note_end(runs: Path, study: str, cell: str, state: State, fitted: bool) -> None:
    """Note for whoever watches that a cell has ended, and whether it was fitted for that or had been before."""
    with _ends(runs, study).open("a", encoding="utf-8") as file:
        file.write(f"{cell},{state.value},{int(fitted)}\n")  # one short write: lines of several processes stay whole


def ends(runs: Path, study: str, start: int = 0) -> tuple[list[tuple[str, State, bool]], int]:
    """What `note_end` has noted from position `start` of its file on, and the position after it."""
    try:
        with _ends(runs, study).open("rb") as file:
            file.seek(start)
            text = file.read()
    except FileNotFoundError:
        return [], 0
    lines = [line.split(",") for line in text.decode("utf-8").splitlines()]
    return [(cell, State(state), fitted == "1") for cell, state, fitted in lines], start + len(text)


def note_sweep(runs: Path, study: str, cells: int) -> dict[str, Any]:
    """Note for whoever watches that a sweep begins: of how many cells, when (s), and from where on `ends` are its own."""
    note = {"cells": cells, "began": time.time(), "start": ends(runs, study)[1]}
    write_json(_folder(runs, study) / _SWEEP, note)
    return note


def forget_sweep(runs: Path, study: str) -> None:
    """A sweep has ended."""
    (_folder(runs, study) / _SWEEP).unlink(missing_ok=True)


def sweep(runs: Path, study: str) -> dict[str, Any] | None:
    """What `note_sweep` has noted last; None where that sweep has ended."""
    file = _folder(runs, study) / _SWEEP
    return read_json(file) if file.is_file() else None


def names(runs: Path) -> list[str]:
    """The studies that have cells."""
    return sorted(file.parent.name for file in (runs / "studies").glob("*/cells.csv"))


def _list(runs: Path, study: str) -> Path:
    return _folder(runs, study) / "cells.csv"


def _ends(runs: Path, study: str) -> Path:
    return _folder(runs, study) / "ends.csv"


def _folder(runs: Path, study: str) -> Path:
    if not study or not all(character.isalnum() or character in "_-." for character in study) or study[0] == ".":
        raise MitofmError(f"study={study!r}: a study is named with letters, digits, '_', '-' and '.'")
    return runs / "studies" / study


def _read(file: Path) -> list[str]:
    if not file.is_file():
        return []
    with file.open(newline="") as rows:
        return [row["cell"] for row in csv.DictReader(rows)]
