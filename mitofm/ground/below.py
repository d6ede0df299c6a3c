"""Keeps what is read and written in a folder of ours inside it: a link there could lead to anybody's files.

Folders of runs, caches and opened bundles are *closed*: they may be links themselves, and no link below them is followed. Data
and weights are not: whoever keeps them on a large disk, or in the hub's cache, links to them.

What is checked could be exchanged before it is used, by a process that may write in the folder at the same moment.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from mitofm.ground.errors import MitofmError

_closed: set[str] = set()


class Outside(MitofmError):
    """A path in a closed folder leads out of it, or to something that is neither a file nor a folder."""


def close(folder: Path) -> None:
    """Follow no link below `folder` from now on, in this process."""
    if str(root := folder.absolute()) not in _closed:
        _closed.update({str(root), str(root.resolve())})


def check(path: Path) -> Path:
    """`path`, to be opened, written or deleted next. It need not exist, and is not looked at if it is in no closed folder.

    Raises:
        Outside: on its way below the innermost closed folder there is a link or a `..`, or it is a device, a pipe or a socket.
    """
    names = str(path.absolute()).split("/")  # texts, not paths: this is asked of every file of every cell
    places = ["/".join(names[:count]) for count in range(1, len(names) + 1)]
    depth = next((number for number in reversed(range(len(names))) if places[number] in _closed), None)
    if depth is None:
        return path
    root = places[depth]
    for name, place in zip(names[depth + 1 :], places[depth + 1 :], strict=True):
        if name == "..":
            raise Outside(f"{path} leads out of {root}: nothing was read or written there")
        try:
            mode = os.lstat(place).st_mode
        except (FileNotFoundError, NotADirectoryError):
            break
        if stat.S_ISLNK(mode):
            raise Outside(
                f"{place} is a link, and no link in {root} is followed: put what it should be in its place, or move all of "
                f"{Path(root).name} and link to that"
            )
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise Outside(f"{place} is a device, a pipe or a socket, and no file: delete it")
    return path


def is_inside(path: Path) -> bool:
    """Whether `check` has nothing against `path`."""
    try:
        check(path)
    except Outside:
        return False
    return True
