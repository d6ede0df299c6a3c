"""Studies: lists of cells under a name. A cell that two studies share is listed in both and runs once."""

from __future__ import annotations

import csv
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from mitofm import fingerprints
from mitofm.errors import MitofmError, unknown
from mitofm.files import read_json, replacing, write_json
from mitofm.locks import lock
from mitofm.runs.folder import State

_COMPARISONS, _PLANNED, _STARTED = "comparisons.json", "planned.json", "started.csv"
_SWEEP = "sweep.json"
NOT_STARTED = "not_started.json"
FILES = ("cells.csv", _COMPARISONS, NOT_STARTED)
"""What a study is, once its sweeps have ended, in a bundle."""


def enlist(runs: Path, study: str, cell: str, chosen: Mapping[str, str] | None = None) -> None:
    """Put a cell on the list of a study, once, and note by which choices it was asked for; safe for many processes."""
    _enlist(_list(runs, study), cell)
    notes = _folder(runs, study) / _STARTED
    if chosen is not None and _started(notes).get(named := _named(chosen)) != cell:
        with notes.open("a", encoding="utf-8") as file:
            file.write(f"{named},{cell}\n")  # as in `note_end`


def _enlist(file: Path, cell: str) -> None:
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


def plan(runs: Path, study: str, fixed: Mapping[str, str], swept: Mapping[str, Sequence[str]]) -> None:
    """Note, before its first cell starts, the grid of a sweep: a killed one tells nothing of the cells it did not come to.

    Args:
        runs: the folder of all runs.
        study: its name.
        fixed: what is chosen for every cell, by key.
        swept: what is chosen in turn.
    """
    file = _folder(runs, study) / _PLANNED
    grid = {"fixed": dict(fixed), "swept": [[key, list(values)] for key, values in swept.items()]}  # in this order
    with lock(file.with_name(f"{file.name}.lock")):
        grids = _grids(file)
        if grid not in grids:
            write_json(file, {"grids": [*grids, grid]})


def not_started(runs: Path, study: str) -> tuple[list[str], int]:
    """The cells of planned grids that no sweep has come to, in words, and how many are planned."""
    folder = _folder(runs, study)
    if (packed := folder / NOT_STARTED).is_file():
        found = read_json(packed)
        return found["cells"], found["planned"]
    planned = {_named(chosen): words for grid in _grids(folder / _PLANNED) for chosen, words in _chosen(grid)}
    started = _started(folder / _STARTED) if planned else {}
    return [words for name, words in planned.items() if name not in started], len(planned)


def _started(notes: Path) -> dict[str, str]:
    """The cells that have been asked for, by their choices.

    Where the same choices come to mean another cell (another sweep.yaml, another version), what was asked for before that
    says nothing of what is planned now.
    """
    started: dict[str, str] = {}
    for line in notes.read_text(encoding="utf-8").splitlines() if notes.is_file() else ():
        name, _, cell = line.partition(",")
        if started.get(name, cell) != cell:
            started = {}
        started[name] = cell
    return started


def _grids(file: Path) -> list[Any]:
    return read_json(file)["grids"] if file.is_file() else []


def _chosen(grid: Mapping[str, Any]) -> Iterator[tuple[dict[str, str], str]]:
    """What each cell of a grid chooses, and its part of the grid in words."""
    for values in product(*(values for _, values in grid["swept"])):
        own = {key: value for (key, _), value in zip(grid["swept"], values, strict=True)}
        yield grid["fixed"] | own, ", ".join(f"{key}={value}" for key, value in own.items())


def _named(chosen: Mapping[str, str]) -> str:
    return fingerprints.of(dict(chosen))[:16]


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
