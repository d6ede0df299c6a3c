"""The folder of a cell and its state: the files are the truth."""

from __future__ import annotations

import difflib
from enum import Enum
from pathlib import Path
from typing import Any

import yaml

try:  # the configs of a thousand cells are read in seconds, without PyYAML's C parts in a minute
    from yaml import CSafeLoader as SafeLoader
except ImportError:
    from yaml import SafeLoader

from mitofm.ground.config import check_target, list_targets
from mitofm.ground.errors import MitofmError
from mitofm.ground.files import read_json, write_text
from mitofm.ground.locks import find_holder
from mitofm.runs.keys import rename


class State(Enum):
    """What a cell's folder, and the lock of whoever runs it, say of it."""

    DONE = "DONE"
    SKIPPED = "SKIPPED"
    FAILED = "FAILED"
    RUNNING = "running"
    INTERRUPTED = "interrupted"
    TO_DO = "to do"


SETTLED = (State.DONE, State.SKIPPED)
"""The states of cells that are not run again."""
_MARKERS = (State.DONE, State.SKIPPED, State.FAILED)


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
        """The state: from the marker that is there, else from who holds the lock."""
        for state in _MARKERS:
            if (self.path / state.value).is_file():
                return state
        if find_holder(self.lock):
            return State.RUNNING
        return State.INTERRUPTED if self.path.is_dir() else State.TO_DO

    def mark(self, state: State, text: str = "") -> None:
        """Write the marker of a state, atomically, in place of any other."""
        write_text(self.path / state.value, text)
        for other in _MARKERS:
            if other is not state:
                (self.path / other.value).unlink(missing_ok=True)

    def marked(self) -> str:
        """The text of the marker: a traceback or a reason; empty if there is none."""
        try:
            return (self.path / self.state().value).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    def reason(self) -> str:
        """The last line of the marker: of a traceback, its message."""
        return self.marked().rstrip().rpartition("\n")[2].strip()


class DamagedCell(MitofmError):
    """A file of a finished cell is absent, or is not what mitofm has written there."""

    def __init__(self, file: Path, error: Exception) -> None:
        self.cell = file.parent.name
        self.reason = (
            f"{file.name} cannot be read ({type(error).__name__}): delete the cell's folder, run its study again"
        )
        super().__init__(f"{file.parent}: {self.reason} ({error})")


def read_stored(file: Path) -> dict[str, Any]:
    """The content of a JSON file of a finished cell.

    Raises:
        DamagedCell: it is absent or damaged.
    """
    try:
        return read_json(file)
    except (OSError, ValueError) as error:
        raise DamagedCell(file, error) from error


def find_cell(runs: Path, given: str, holding: str = "config.yaml") -> Path:
    """The folder of the cell that `given` names: its path, its name, or a part of the name that no other cell has.

    Args:
        runs: the folder that holds `cells/`.
        given: as typed.
        holding: a file that a cell must have to be meant.

    Raises:
        MitofmError: no cell is meant, or several are.
    """
    if (Path(given) / "config.yaml").is_file():
        return Path(given).resolve()  # by its name: "." has none
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
    """The config that a cell was made from, its keys as they are named today, as plain data that may be built.

    Others may have written it.

    Raises:
        MitofmError: it is absent or damaged, or names a `_target_` that is not allowed.
    """
    path = folder / "config.yaml"
    try:
        config = yaml.load(path.read_text(encoding="utf-8"), Loader=SafeLoader)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise MitofmError(f"{path} cannot be read ({type(error).__name__}: {error})") from error
    if not isinstance(config, dict):
        raise MitofmError(f"{path} holds no config")
    for target in list_targets(config):
        check_target(target)
    return rename(config)
