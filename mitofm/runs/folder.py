"""The folder of a cell and its state: the files are the truth."""

from __future__ import annotations

from enum import Enum
from pathlib import Path

from mitofm.files import write_text


class State(Enum):
    """What a cell's folder says of it."""

    DONE = "DONE"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"
    UNFINISHED = "unfinished"


class CellFolder:
    """One folder of `runs/cells/`.

    Args:
        runs: the folder of all runs.
        name: of the cell's folder.
    """

    def __init__(self, runs: Path, name: str) -> None:
        self.path = runs / "cells" / name
        self.lock = runs / "locks" / f"{name}.lock"

    def state(self) -> State:
        """The state, from the marker that is there."""
        for state in (State.DONE, State.SKIPPED, State.FAILED):
            if (self.path / state.value).is_file():
                return state
        return State.UNFINISHED

    def mark(self, state: State, text: str = "") -> None:
        """Write the marker of a state, atomically, in place of any other."""
        write_text(self.path / state.value, text)
        for other in (State.DONE, State.SKIPPED, State.FAILED):
            if other is not state:
                (self.path / other.value).unlink(missing_ok=True)

    def reason(self) -> str:
        """The text of the marker: a traceback or a reason; empty where there is none."""
        marker = self.path / self.state().value
        return marker.read_text(encoding="utf-8") if marker.is_file() else ""
