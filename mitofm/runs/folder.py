"""The folder of a cell and its state: the files are the truth."""

from __future__ import annotations

import difflib
import re
from enum import Enum
from pathlib import Path
from typing import Any

from mitofm.ground import below
from mitofm.ground.below import Outside
from mitofm.ground.config import check_target, list_targets
from mitofm.ground.errors import MitofmError
from mitofm.ground.files import read_json, remove, write_text
from mitofm.ground.locks import find_holder
from mitofm.ground.stored_yaml import read_yaml
from mitofm.runs.keys import rename


class State(Enum):
    """The state of a cell, by its folder and its lock."""

    DONE = "DONE"
    SKIPPED = "SKIPPED"
    FAILED = "FAILED"
    RUNNING = "running"
    INTERRUPTED = "interrupted"
    TO_DO = "to do"


SETTLED = (State.DONE, State.SKIPPED)
"""The states of cells that are not run again."""
_NAME = re.compile(r"(?!\.)[^/\\\x00-\x1f\x7f-\x9f]{1,240}")
_MARKERS = (State.DONE, State.SKIPPED, State.FAILED)


class CellFolder:
    """The folder of a cell `name` in `runs/cells/`, and its lock."""

    def __init__(self, runs: Path, name: str) -> None:
        below.close(runs)
        self.path = runs / "cells" / name
        self.lock = runs / "locks" / f"{name}.lock"

    def read_state(self) -> State:
        """The state: from the marker, or without one from the lock."""
        for state in _MARKERS:
            if (self.path / state.value).is_file():
                return state
        if find_holder(self.lock):
            return State.RUNNING
        return State.INTERRUPTED if self.path.is_dir() else State.TO_DO

    def mark(self, state: State, text: str = "") -> None:
        """Write the marker of a state atomically, then delete the others."""
        write_text(self.path / state.value, text)
        for other in _MARKERS:
            if other is not state:
                remove(self.path / other.value)

    def read_marker(self) -> str:
        """The text of the marker: a traceback or a reason; empty if there is none."""
        try:
            return below.check(self.path / self.read_state().value).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
        except Outside as refused:
            return str(refused)

    def read_reason(self) -> str:
        """The last line of the marker: of a traceback, its message."""
        return self.read_marker().rstrip().rpartition("\n")[2].strip()


def is_cell_name(name: object) -> bool:
    """Whether the folder of a cell can have this name: it stays in its place, and what shows it can be trusted."""
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


class DamagedCell(MitofmError):
    """A file of a finished cell is absent or damaged."""

    def __init__(self, file: Path, error: Exception) -> None:
        self.cell = file.parent.name
        problem = f"{file.name} cannot be read ({type(error).__name__})"
        self.reason = f"{problem}: delete the cell's folder, run its study again"
        super().__init__(f"{file.parent}: {self.reason} ({error})")


def read_stored(file: Path) -> dict[str, Any]:
    """Read a JSON file of a finished cell; DamagedCell if it is absent or damaged."""
    try:
        return read_json(file)
    except (OSError, ValueError, Outside) as error:
        raise DamagedCell(file, error) from error


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


def read_config(folder: Path) -> dict[str, Any]:
    """Read the config of a cell as plain data, its keys under today's names. It may be a stranger's.

    Raises:
        MitofmError: it is absent or damaged, or names a `_target_` that is not allowed.
    """
    path = folder / "config.yaml"
    try:
        config = read_yaml(path)
    except (OSError, ValueError) as error:
        raise MitofmError(f"{path} cannot be read ({type(error).__name__}: {error})") from error
    if not isinstance(config, dict):
        raise MitofmError(f"{path} holds no config")
    for target in list_targets(config):
        check_target(target)
    return rename(config)
