"""Studies: lists of cells under a name. A cell that two studies share is listed in both and runs once.

Each has one journal, in which all that happens to it is noted: a cell that starts, with the choices it was asked for by, or
ends; the grid of a sweep, before its first cell; that a sweep begins or ends; and what the study states it will compare.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from mitofm.ground import fingerprints
from mitofm.ground.errors import MitofmError, unknown
from mitofm.runs import journal, old_books
from mitofm.runs.folder import State
from mitofm.runs.keys import FORMER, rename

_JOURNAL = "journal.jsonl"


@dataclass(frozen=True)
class Begun:
    """A sweep that has begun: of how many cells, when (s since 1970), and how many cells had ended in its study by then."""

    cells: int
    began: float
    ended_before: int


class Study:
    """What the journal of a study says by now; use `read` for one that must be there.

    Attributes:
        name: of the study.
        cells: the folder names of its cells, in the order in which they were first asked for.
        stated: the comparisons that it has stated; None if it stated none.
        ended: cells in the order in which they ended, how, and whether they were fitted for that or had been before.
        sweep: the one that began last; None if it has ended.

    Args:
        runs: the folder of all runs.
        name: of the study.

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
        self._journal, self._read_to = _find_journal(runs, name), 0
        for note in old_books.read_notes(self._journal.parent):
            self._take(note)
        self.read_on()

    def read_on(self) -> None:
        """Take in what was noted since."""
        notes, self._read_to = journal.read(self._journal, self._read_to)
        for note in notes:
            self._take(note)

    def _take(self, note: dict[str, Any]) -> None:
        match note:
            case {"cell": cell}:
                self.cells[cell] = None
                if chosen := note.get("chosen"):
                    # If the same choices come to mean another cell (another sweep.yaml, another version), what was
                    # asked for before that says nothing of what is planned now.
                    if self._started.get(chosen, cell) != cell:
                        self._started = {}
                    self._started[chosen] = cell
                if "state" in note:
                    self.ended.append((cell, State(note["state"]), note["fitted"]))
            case {"stated": comparisons}:
                self.stated = self.stated or rename(comparisons)
            case {"planned": grid}:
                self.grids.append(grid)
            case {"packed": packed}:
                self._packed = packed
            case {"sweep": None}:
                self.sweep = None
            case {"sweep": begun}:
                self.sweep = Begun(begun["cells"], begun["began"], len(self.ended))

    def not_started(self) -> tuple[list[str], int]:
        """The cells of planned grids that no sweep has come to, in words, and how many are planned."""
        if self._packed is not None:
            return self._packed["cells"], self._packed["planned"]
        planned = {_hash_choices(chosen): words for grid in self.grids for chosen, words in _list_choices(grid)}
        return [words for name, words in planned.items() if name not in self._started], len(planned)


def read(runs: Path, study: str) -> Study:
    """A study as it is now.

    Raises:
        MitofmError: there is no such study; the message lists those that are.
    """
    if not {_JOURNAL, old_books.LIST} & {file.name for file in _find_journal(runs, study).parent.glob("*")}:
        raise unknown("study", study, list_names(runs), str(runs / "studies"))
    return Study(runs, study)


def list_names(runs: Path) -> list[str]:
    """The studies there are."""
    return sorted({file.parent.name for name in (_JOURNAL, old_books.LIST) for file in runs.glob(f"studies/*/{name}")})


def enlist(runs: Path, study: str, cell: str, chosen: Mapping[str, str] | None = None) -> None:
    """Note that a cell of a study starts, and by which choices it was asked for."""
    journal.append(_find_journal(runs, study), _make_note(cell, chosen))


def note_end(
    runs: Path, study: str, cell: str, state: State, fitted: bool, chosen: Mapping[str, str] | None = None
) -> None:
    """Note that a cell of a study has ended, and whether it was fitted for that or had been before; else as `enlist`."""
    journal.append(_find_journal(runs, study), _make_note(cell, chosen) | {"state": state.value, "fitted": fitted})


def state_comparisons(runs: Path, study: str, comparisons: Mapping[str, Any] | None) -> None:
    """Note what a study states it will compare, so that reports need nothing else; once stated, it stays.

    Raises:
        MitofmError: the study has stated something else.
    """
    if comparisons is None:
        return
    if Study(runs, study).stated is None:
        journal.append(_find_journal(runs, study), {"stated": comparisons})
    if Study(runs, study).stated != comparisons:  # if two stated at once, what the first of them did counts
        raise MitofmError(
            f"study {study!r} stated other comparisons before its first cell ran: take another study=... for these, or, if "
            f'no result has been looked at, delete the line with "stated" in {_find_journal(runs, study)} (of a study of mitofm '
            "0.1 the file comparisons.json beside it)"
        )


def note_grid(runs: Path, study: str, fixed: Mapping[str, str], swept: Mapping[str, Sequence[str]]) -> None:
    """Note, before its first cell starts, the grid of a sweep: a killed one tells nothing of the cells it did not come to.

    Args:
        runs: the folder of all runs.
        study: its name.
        fixed: what is chosen for every cell, by key.
        swept: what is chosen in turn.
    """
    grid = {"fixed": dict(fixed), "swept": [[key, list(values)] for key, values in swept.items()]}  # in this order
    if grid not in Study(runs, study).grids:
        journal.append(_find_journal(runs, study), {"planned": grid})


def begin_sweep(runs: Path, study: str, cells: int) -> None:
    """Note for whoever watches that a sweep of so many cells begins."""
    journal.append(_find_journal(runs, study), {"sweep": {"cells": cells, "began": time.time()}})


def end_sweep(runs: Path, study: str) -> None:
    """Note that a sweep has ended."""
    journal.append(_find_journal(runs, study), {"sweep": None})


def _make_note(cell: str, chosen: Mapping[str, str] | None) -> dict[str, Any]:
    return {"cell": cell} | ({} if chosen is None else {"chosen": _hash_choices(chosen)})


def _hash_choices(chosen: Mapping[str, str]) -> str:
    return fingerprints.of(rename(chosen, FORMER))[:16]


def _list_choices(grid: Mapping[str, Any]) -> Iterator[tuple[dict[str, str], str]]:
    """What each cell of a grid chooses, and its part of the grid in words."""
    for values in product(*(values for _, values in grid["swept"])):
        own = {key: value for (key, _), value in zip(grid["swept"], values, strict=True)}
        yield grid["fixed"] | own, ", ".join(f"{key}={value}" for key, value in own.items())


def _find_journal(runs: Path, study: str) -> Path:
    if not study or not all(character.isalnum() or character in "_-." for character in study) or study[0] == ".":
        raise MitofmError(f"study={study!r}: a study is named with letters, digits, '_', '-' and '.'")
    return runs / "studies" / study / _JOURNAL
