"""Studies: lists of cells under a name. A cell that two studies share is listed in both and runs once.

Each has one journal with notes of its cells (their starts with the choices of the command, and their ends), of its sweeps
(their grids before the first cell, their starts and ends), and of the comparisons that it states.
"""

from __future__ import annotations

import hashlib
import math
import re
import time
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from mitofm.ground import below, fingerprints
from mitofm.ground.errors import MitofmError, unknown
from mitofm.runs.books import journal, old_books
from mitofm.runs.folder import State, is_cell_name
from mitofm.runs.keys import FORMER, rename

_JOURNAL = "journal.jsonl"
_BOOKS = {_JOURNAL, journal.locate_end(Path(_JOURNAL)).name, old_books.LIST}
"""A study has one of them at least."""
MOST_CELLS = 200_000
"""How many cells a study may plan: each is named to know whether it was started."""


@dataclass(frozen=True)
class Begun:
    """A sweep: its number of cells, its start (s since 1970), and the number of ends that its study had noted before."""

    cells: int
    began: float
    ended_before: int


class Study:
    """The content of the journal of a study, which may be empty: `read` requires it to exist.

    Attributes:
        name: of the study.
        cells: the folder names of its cells, in the order of their first start.
        stated: the comparisons that it has stated; None if it stated none.
        ended: cells in the order of their ends, with their state and whether they were fitted then (else earlier).
        sweep: the last one; None if it has ended.
        grids: those of its sweeps, as `note_grid` writes them.

    Raises:
        MitofmError: no study can have that name.
    """

    def __init__(self, runs: Path, name: str) -> None:
        self.name = name
        self.cells: dict[str, None] = {}
        self.stated: dict[str, Any] | None = None
        self.ended: list[tuple[str, State, bool]] = []
        self.sweep: Begun | None = None
        self.grids: list[dict[str, Any]] = []
        self._started: dict[str, str] = {}
        self._packed: dict[str, Any] | None = None
        self._journal, self._read_to = find_journal(runs, name), 0
        for note in old_books.read_notes(self._journal.parent):
            self._take(note)
        self.read_on()

    def read_on(self) -> None:
        """Read what was noted since the last reading."""
        notes, self._read_to = journal.read(self._journal, self._read_to)
        for note in notes:
            try:
                self._take(note)
            except (ValueError, KeyError, TypeError, AttributeError):
                journal.warn(self._journal, "a note that is none of ours is left out")

    def count_damaged(self) -> int:
        """How many lines of its journal are damaged."""
        return len(journal.find_damaged(self._journal)) if self._journal.is_file() else 0

    def describe_loss(self) -> str:
        """What is missing of its books, in words, and which cells it may have had; "" if nothing is known to be missing."""
        if lost := journal.describe_loss(self._journal):
            return lost
        if journal.knows_end(self._journal) and not self._journal.with_name(old_books.LIST).is_file():
            return ""
        if unlisted := find_unlisted(self._journal.parents[2], self.name, self.cells):
            which = f"{unlisted[0]}{', ...' if len(unlisted) > 1 else ''}"
            return f"its list of cells lacks {len(unlisted)} that were run for it ({which})"
        return ""

    def _take(self, note: dict[str, Any]) -> None:
        match note:
            case {"cell": cell}:
                if not is_cell_name(cell):
                    raise ValueError(cell)
                self.cells[cell] = None
                if chosen := note.get("chosen"):
                    # If the same choices now give another cell (another sweep.yaml or version), earlier starts say
                    # nothing of the present grids.
                    if self._started.get(chosen, cell) != cell:
                        self._started = {}
                    self._started[chosen] = cell
                if "state" in note:
                    self.ended.append((cell, State(note["state"]), note["fitted"]))
            case {"stated": comparisons}:
                self.stated = self.stated or rename(comparisons)
            case {"planned": grid}:
                old_books.check_grids({"grids": [grid]})
                if _count(self.grids) + _count([grid]) > MOST_CELLS:
                    journal.warn(self._journal, f"a grid is left out: more than {MOST_CELLS} cells are planned")
                else:
                    self.grids.append(grid)
            case {"packed": packed}:
                self._packed = packed
            case {"sweep": None}:
                self.sweep = None
            case {"sweep": begun}:
                self.sweep = Begun(begun["cells"], begun["began"], len(self.ended))

    def not_started(self) -> tuple[list[str], int]:
        """The cells of its grids that were never started, in words, and the number of all cells of its grids."""
        if self._packed is not None:
            return self._packed["cells"], self._packed["planned"]
        planned = {name: (grid, values) for grid in self.grids for name, values in _list_choices(grid)}
        left = [cell for name, cell in planned.items() if name not in self._started]
        return [_describe_choices(grid, values) for grid, values in left], len(planned)


def read(runs: Path, study: str) -> Study:
    """Read a study; MitofmError if it does not exist, with the names of those that do."""
    if not _BOOKS & {file.name for file in find_journal(runs, study).parent.glob("*")}:
        raise unknown("study", study, list_names(runs), str(runs / "studies"))
    return Study(runs, study)


def list_names(runs: Path) -> list[str]:
    """The names of all studies."""
    files = (file for name in _BOOKS for file in runs.glob(f"studies/*/{name}"))
    return sorted({file.parent.name for file in files if _is_name(file.parent.name)})


def enlist(runs: Path, study: str, cell: str, chosen: Mapping[str, str] | None = None) -> None:
    """Note that a cell of a study starts, and the choices of the command that started it."""
    journal.append(find_journal(runs, study), _make_note(cell, chosen))


def note_end(
    runs: Path, study: str, cell: str, state: State, fitted: bool, chosen: Mapping[str, str] | None = None
) -> None:
    """As `enlist`, for a cell that has ended, and whether it was `fitted` now or earlier."""
    journal.append(find_journal(runs, study), _make_note(cell, chosen) | {"state": state.value, "fitted": fitted})


@dataclass(frozen=True)
class End:
    """A cell that had ended before the sweep that came to it, how it ended, and the choices of the sweep's command."""

    cell: str
    state: State
    chosen: Mapping[str, str]


def note_ends(runs: Path, study: str, ends: Iterable[End]) -> None:
    """As `note_end`, of many cells that were fitted earlier."""
    notes = [_make_note(one.cell, one.chosen) | {"state": one.state.value, "fitted": False} for one in ends]
    if notes:
        journal.append(find_journal(runs, study), *notes)


def state_comparisons(runs: Path, study: str, comparisons: Mapping[str, Any] | None) -> None:
    """Note the comparisons that a study states; MitofmError if it has stated others, for they stay."""
    if comparisons is None:
        return
    if Study(runs, study).stated is None:
        journal.append(find_journal(runs, study), {"stated": comparisons})
    if Study(runs, study).stated != comparisons:  # of two commands at once the first counts
        raise MitofmError(
            f"study {study!r} stated other comparisons before its first cell ran: take another study=... for these, or, if "
            f'no result has been looked at, delete the line with "stated" in {find_journal(runs, study)} and then '
            f"{journal.locate_end(find_journal(runs, study)).name} beside it (of a study of mitofm 0.1 comparisons.json there)"
        )


def note_grid(runs: Path, study: str, fixed: Mapping[str, str], swept: Mapping[str, Sequence[str]]) -> None:
    """Note the grid of a sweep before its first cell starts, so that a killed sweep's missing cells are known.

    `fixed` has by key the choice for every cell, `swept` the choices of the grid.
    """
    grid = {"fixed": dict(fixed), "swept": [[key, list(values)] for key, values in swept.items()]}  # in this order
    if grid not in Study(runs, study).grids:
        journal.append(find_journal(runs, study), {"planned": grid})


def begin_sweep(runs: Path, study: str, cells: int) -> None:
    """Note that a sweep of so many cells begins."""
    journal.append(find_journal(runs, study), {"sweep": {"cells": cells, "began": time.time()}})


def end_sweep(runs: Path, study: str) -> None:
    """Note that a sweep has ended."""
    journal.append(find_journal(runs, study), {"sweep": None})


def _make_note(cell: str, chosen: Mapping[str, str] | None) -> dict[str, Any]:
    return {"cell": cell} | ({} if chosen is None else {"chosen": _hash_choices(chosen)})


def _hash_choices(chosen: Mapping[str, str]) -> str:
    return fingerprints.of(rename(chosen, FORMER))[:16]


def _list_choices(grid: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Of each cell of a grid, `_hash_choices` of its choices, and the values that are swept. Each value is spelled once."""
    swept = dict(grid["swept"])
    each = {key: [value] for key, value in grid["fixed"].items()} | swept
    spelled = {
        key: [f"{fingerprints.spell(FORMER.get(key, key))}:{fingerprints.spell(value)}" for value in values]
        for key, values in each.items()
    }
    keys = sorted(each, key=lambda key: FORMER.get(key, key))
    places, parts = [keys.index(key) for key in swept], [spelled[key][0] if spelled[key] else "" for key in keys]
    for texts, values in zip(product(*(spelled[key] for key in swept)), product(*swept.values()), strict=True):
        for place, text in zip(places, texts, strict=True):
            parts[place] = text
        yield hashlib.sha256(f"{{{','.join(parts)}}}".encode()).hexdigest()[:16], values


def _describe_choices(grid: Mapping[str, Any], values: Sequence[str]) -> str:
    """The swept choices of a cell, in words."""
    return ", ".join(f"{key}={value}" for (key, _), value in zip(grid["swept"], values, strict=True))


def _count(grids: list[dict[str, Any]]) -> int:
    return sum(math.prod(len(values) for _, values in grid["swept"]) for grid in grids)


def find_unlisted(runs: Path, study: str, listed: Container[str]) -> list[str]:
    """The cells whose configs name the study, for which they were run first, and that are not `listed`."""
    named = re.compile(rf"(?m)^study: (['\"]?){re.escape(study)}\1\s*$")
    folders = (folder for folder in sorted((runs / "cells").glob("*")) if folder.name not in listed)
    return [folder.name for folder in folders if is_cell_name(folder.name) and named.search(_read_config(folder))]


def _read_config(folder: Path) -> str:
    """The text of a cell's config; "" if it cannot be read."""
    try:
        return below.check(folder / "config.yaml").read_text(encoding="utf-8", errors="replace")
    except (OSError, MitofmError):
        return ""


def find_journal(runs: Path, study: str) -> Path:
    """Where the journal of a study is; MitofmError if no study can have that name."""
    if not _is_name(study):
        raise MitofmError(f"study={study!r}: a study is named with letters, digits, '_', '-' and '.'")
    below.close(runs)
    return runs / "studies" / study / _JOURNAL


def _is_name(study: str) -> bool:
    return bool(study) and all(one.isalnum() or one in "_-." for one in study) and study[0] != "."
