"""What one look at the folder of a cell tells, without opening a file: its state, and the names, sizes and times of its files."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from mitofm.runs import sums
from mitofm.runs.folder import MARKERS, State

_IGNORED = {sums.LOG, sums.CHECKPOINT}
"""The log goes on after the end of a cell, and weights may be large: who reads them compares them."""


@dataclass(frozen=True)
class Look:
    """What there is in the folder of a cell.

    Attributes:
        state: by its marker; None if it has none.
        files: size and time of each file by its path in the folder, but for the log, the checkpoint and hidden ones.
        odd: whether there is something else than files and folders.
    """

    state: State | None
    files: dict[str, tuple[int, int]]
    odd: bool

    def spell(self) -> str:
        """Names, sizes and times of the files as one short text, another one if any of them changes."""
        return hashlib.sha256(repr(sorted(self.files.items())).encode()).hexdigest()[:32]


def look(folder: str) -> Look:
    """Look at the folder of a cell, which need not exist. A link, also in place of the folder, is odd."""
    files: dict[str, tuple[int, int]] = {}
    odd = False
    try:
        odd = not stat.S_ISDIR(os.lstat(folder).st_mode)
        for name, found in _list(folder, ""):
            if stat.S_ISREG(found.st_mode):
                files[name] = found.st_size, found.st_mtime_ns
            else:
                odd = True
    except OSError:
        odd = odd or bool(files)
    state = next((one for one in MARKERS if one.value in files), None)
    return Look(state, files, odd)


def _list(folder: str, prefix: str) -> Iterator[tuple[str, os.stat_result]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") or prefix + entry.name in _IGNORED:
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _list(entry.path, f"{prefix}{entry.name}/")
            else:
                yield prefix + entry.name, entry.stat(follow_symlinks=False)
