"""Files that are whole or absent: each is written beside its place and moved there in one step.

What lies in a folder that a lock guards is replaced and removed only while its process holds the lock.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mitofm.ground import below
from mitofm.ground.errors import MitofmError
from mitofm.ground.processes import has_ended, make_mark

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_LONGEST_HEADER = 10_000  # bytes, of an npy file
_LONGEST_JSON = 2**28  # bytes
_TEMPORARY = re.compile(r"\..+\.([\w-]+)\.part")
_guards: list[tuple[Path, Callable[[], None]]] = []
_swept: set[Path] = set()


@contextmanager
def guarding(folder: Path, require: Callable[[], None]) -> Iterator[None]:
    """In the block `require`, which raises if a lock is lost, is called last before a file in `folder` is touched."""
    guard = (folder.absolute(), require)
    _guards.append(guard)
    try:
        yield
    finally:
        _guards.remove(guard)


def require_held(path: Path) -> None:
    """Raise if `path` leads out of a closed folder, or lies in a guarded one whose lock another process has taken over."""
    below.check(path)
    for folder, require in list(_guards):
        if path.absolute().is_relative_to(folder):
            require()


def holds(path: Path) -> bool:
    """Whether `require_held` has nothing against `path`."""
    try:
        require_held(path)
    except MitofmError:
        return False
    return True


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary sibling of `path`; move it onto `path` (fsync, rename) when the block ends without an error."""
    below.check(path).parent.mkdir(parents=True, exist_ok=True)
    _sweep(path.parent.absolute())
    temporary = name_temporary(path)
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        move(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def name_temporary(path: Path) -> Path:
    """A new sibling of `path`, hidden, by whose name `is_abandoned` knows whether this process still lives."""
    return path.with_name(f".{path.name}.{make_mark()}.part")


def is_abandoned(file: Path) -> bool:
    """Whether `file` is a temporary one of a process of this machine that has ended."""
    found = _TEMPORARY.fullmatch(file.name)
    return found is not None and has_ended(found[1])


def _sweep(folder: Path) -> None:
    """Remove what killed processes have left half-written in a folder, once in the life of this process."""
    if folder in _swept:
        return
    _swept.add(folder)
    with suppress(OSError), os.scandir(folder) as entries:
        for name in [entry.name for entry in entries if entry.name.endswith(".part")]:
            if is_abandoned(folder / name):
                with suppress(OSError):
                    (folder / name).unlink()


def move(made: Path, path: Path) -> None:
    """Move a file onto `path` in one step."""
    require_held(path)
    made.replace(path)


def remove(path: Path) -> None:
    """Delete a file, if there is one."""
    require_held(path)
    path.unlink(missing_ok=True)


def find_existing(folder: Path) -> Path:
    """`folder` if it exists, else the nearest of its parents that does."""
    return next(place for place in (folder, *folder.absolute().parents) if place.exists())


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write `content` to `path` atomically, sorted, so that equal content is equal bytes. NaN is refused."""
    write_text(path, json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """The object stored in `path`; OSError if there is no file, ValueError if it holds no object, Outside as `below`."""
    if (size := below.check(path).stat().st_size) > _LONGEST_JSON:
        raise ValueError(f"it has {size} bytes, and none of ours has more than {_LONGEST_JSON}")
    return parse_json(path.read_bytes())


def parse_json(text: bytes) -> dict[str, Any]:
    """The object in the text of a JSON file; ValueError if it holds none."""
    if len(text) > _LONGEST_JSON:
        raise ValueError(f"it has {len(text)} bytes, and none of ours has more than {_LONGEST_JSON}")
    try:
        content = json.loads(text.decode("utf-8"))
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
    if not isinstance(content, dict):
        raise ValueError(f"it holds no object: {content!r:.40}")
    return content


def remember(entry: Path, key: str, compute: Callable[[], Any], **more: Any) -> Any:
    """The value (plain data) at `key` of the JSON file `entry`.

    It is computed and written, with `more` and a checksum, if the file is absent, damaged, another entry's or without one.
    """
    with suppress(OSError, ValueError, KeyError):
        content = read_json(entry)
        if is_remembered(entry, key, content):
            return content[key]
    result = compute()
    with suppress(OSError):  # if it cannot be written, it is computed again next time
        keep(entry, key, result, **more)
    return result


def recall(entry: Path, key: str) -> Any:
    """The value that `keep` or `remember` wrote; None if the file is absent, damaged or another entry's."""
    with suppress(OSError, ValueError, KeyError):
        content = read_json(entry)
        if is_remembered(entry, key, content):
            return content[key]
    return None


def keep(entry: Path, key: str, value: Any, **more: Any) -> None:
    """Write a value (plain data) for `recall`, with `more`; OSError if it cannot be written."""
    write_json(entry, {key: value, **more, "checksum": checksum([entry.name, key, value])})


def is_remembered(entry: Path, key: str, content: Mapping[str, Any]) -> bool:
    """Whether this is what `remember` has written; KeyError if it has no checksum."""
    return bool(content["checksum"] == checksum([entry.name, key, content[key]]))


def checksum(content: Any) -> str:
    """sha256 (hex) of plain data, the same before it is written as JSON and after it is read."""
    plain = json.loads(json.dumps(content))
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def write_parquet(path: Path, frame: pd.DataFrame) -> None:
    """Write `frame` without its index to `path` atomically, each page with its checksum."""
    with replacing(path) as temporary:
        frame.to_parquet(temporary, index=False, write_page_checksum=True)


def map_npy(path: Path) -> np.ndarray:
    """The array stored in `path`, memory-mapped, read only.

    Raises:
        ValueError: it is no npy file of plain numbers, or states a header so long that numpy would run out of memory.
    """
    import numpy as np

    with below.check(path).open("rb") as file:
        version = np.lib.format.read_magic(file)
        width = 2 if version == (1, 0) else 4
        stated = int.from_bytes(file.read(width), "little")
    if stated > _LONGEST_HEADER:
        raise ValueError(f"its header states a length of {stated} bytes")
    return np.load(path, mmap_mode="r", allow_pickle=False)
