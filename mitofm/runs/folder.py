"""The folder of a cell and its state: the files are the truth."""

from __future__ import annotations

import re
from enum import Enum
from pathlib import Path
from typing import Any

from mitofm.ground import below
from mitofm.ground.below import Outside
from mitofm.ground.config import check_target, list_targets
from mitofm.ground.errors import MitofmError
from mitofm.ground.files import parse_json, remove, write_text
from mitofm.ground.fingerprints import Remembered, of, of_file
from mitofm.ground.locks import find_holder
from mitofm.ground.stored_yaml import parse_yaml
from mitofm.runs import sums
from mitofm.runs.keys import rename
from mitofm.runs.sums import Sum, Unfit


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
MARKERS = (State.DONE, State.SKIPPED, State.FAILED)
"""The states that a file in the folder tells, in the order in which they count."""


class CellFolder:
    """The folder of a cell `name` in `runs/cells/`, and its lock."""

    def __init__(self, runs: Path, name: str) -> None:
        below.close(runs)
        self.path = runs / "cells" / name
        self.lock = runs / "locks" / f"{name}.lock"

    def read_state(self) -> State:
        """The state: from the marker, or without one from the lock."""
        for state in MARKERS:
            if (self.path / state.value).is_file():
                return state
        if find_holder(self.lock):
            return State.RUNNING
        return State.INTERRUPTED if self.path.is_dir() else State.TO_DO

    def mark(self, state: State, text: str = "") -> None:
        """Write the marker of a state atomically, then delete the others."""
        write_text(self.path / state.value, text)
        for other in MARKERS:
            if other is not state:
                remove(self.path / other.value)

    def read_marker(self) -> str:
        """The text of the marker, a traceback or a reason; empty if there is none, and if the cell is done."""
        state = self.read_state()
        if state is State.DONE:
            return ""
        try:
            return below.check(self.path / state.value).read_text(encoding="utf-8", errors="replace")
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
        folder = _find_folder(file)
        self.cell, self.file = folder.name, file
        unfit = isinstance(error, Unfit)
        problem = f"{file.name} {error if unfit else f'cannot be read ({type(error).__name__})'}"
        mend = f"`mitofm retry {self.cell}` runs the cell again"
        if file.name == "config.yaml":  # what it would be run from
            mend = f"`rm -r {folder}`, and run its study again"
        self.reason = f"{problem}: {mend}"
        super().__init__(f"{folder}: {self.reason}{'' if unfit else f' ({error})'}")


def read_bytes(file: Path) -> bytes:
    """The content of a file of a cell, the one that it was finished with if its DONE holds checksums.

    Raises:
        DamagedCell: it is absent or another one, or DONE is damaged.
    """
    listed = _read_sums(_find_folder(file))
    try:
        content = below.check(file).read_bytes()
        if listed is not None:
            name = file.relative_to(_find_folder(file)).as_posix()
            if name not in listed:
                raise Unfit("is not among the files that the cell was finished with")
            listed[name].require(content)
    except (OSError, ValueError, Outside) as error:
        raise DamagedCell(file, error) from error
    return content


def has_file(file: Path) -> bool:
    """Whether a cell has this file, or was finished with it."""
    listed = _read_sums(_find_folder(file))
    return file.is_file() if listed is None else file.relative_to(_find_folder(file)).as_posix() in listed


def check_sums(folder: Path, remembered: Remembered | None = None, checkpoint: bool = True) -> bool:
    """Compare every file of a finished cell with its checksum. False if its DONE, of before, holds none.

    Args:
        folder: of the cell.
        remembered: checksums of files whose size and time have not changed are taken from here; None: all files are read.
        checkpoint: also the files of its checkpoint, which may be large.

    Raises:
        DamagedCell: the first file that is absent or another one.
    """
    listed = _read_sums(folder)
    if listed is None:
        return False
    files = {folder / name: one for name, one in listed.items() if checkpoint or not sums.is_of_checkpoint(name)}
    for file, one in files.items():
        _require_size(file, one)
    names = [file.relative_to(folder).as_posix() for file in files]

    def take() -> str:
        return of([[name, of_file(file)] for name, file in zip(names, files, strict=True)])

    right = of([[name, one.sha256] for name, one in zip(names, files.values(), strict=True)])
    try:
        if (take() if remembered is None else remembered.get("the files of a cell", files, take)) == right:
            return True
    except OSError as error:
        raise DamagedCell(folder / sums.MARKER, error) from error
    for file in files:
        read_bytes(file)
    return True


def check_sizes(folder: Path) -> None:
    """As `check_sums`, of sizes alone, without the checkpoint: no file but DONE is opened."""
    for name, one in (_read_sums(folder) or {}).items():
        if not sums.is_of_checkpoint(name):
            _require_size(folder / name, one)


def _find_folder(file: Path) -> Path:
    """The folder of the cell that a file belongs to."""
    return file.parent.parent if file.parent.name in sums.INSIDE else file.parent


def _read_sums(folder: Path) -> dict[str, Sum] | None:
    try:
        return sums.read(folder)
    except (OSError, ValueError) as error:
        raise DamagedCell(folder / sums.MARKER, error) from error


def _require_size(file: Path, one: Sum) -> None:
    try:
        size = file.stat().st_size if file.is_file() else None
    except OSError as error:
        raise DamagedCell(file, error) from error
    if size is None:
        raise DamagedCell(file, Unfit("is absent"))
    if size != one.size:
        raise DamagedCell(file, Unfit(f"has {size} bytes, not the {one.size} that the cell was finished with"))


def read_stored(file: Path) -> dict[str, Any]:
    """Read a JSON file of a finished cell; DamagedCell if it is absent or damaged."""
    try:
        return parse_json(read_bytes(file))
    except ValueError as error:
        raise DamagedCell(file, error) from error


def read_config(folder: Path) -> dict[str, Any]:
    """Read the config of a cell as plain data, its keys under today's names. It may be a stranger's.

    Raises:
        DamagedCell: the cell is finished, and this is not the config that it was finished with.
        MitofmError: it is absent or damaged, or names a `_target_` that is not allowed.
    """
    path = folder / "config.yaml"
    try:
        config = parse_yaml(read_bytes(path))
    except ValueError as error:
        raise MitofmError(f"{path} cannot be read ({type(error).__name__}: {error})") from error
    if not isinstance(config, dict):
        raise MitofmError(f"{path} holds no config")
    for target in list_targets(config):
        check_target(target)
    return rename(config)
