"""Notes that many processes append to one file: JSON lines with checksums, so that only the damaged ones are lost."""

from __future__ import annotations

import errno
import functools
import json
import logging
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mitofm.ground import below
from mitofm.ground.locks import lock

_log = logging.getLogger(__name__)


def append(path: Path, *notes: Mapping[str, Any]) -> None:
    """Append notes in one write, under a lock that works over NFS too; OSError if they cannot be written.

    There is no fsync: the next start of a sweep writes again what a power cut has removed.
    """
    line = b"".join(map(_encode, notes))
    with lock(path.with_name(f"{path.name}.lock"), brief=True), below.check(path).open("ab+", buffering=0) as file:
        end = file.seek(0, os.SEEK_END)
        if end and os.pread(file.fileno(), 1, end - 1) != b"\n":  # the last writer was killed while it wrote
            line = b"\n" + line
        if file.write(line) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def find_damaged(path: Path) -> list[int]:
    """The numbers of the lines that are damaged, the first line 1; OSError if the file cannot be read."""
    lines = path.read_bytes().split(b"\n")
    return [number for number, line in enumerate(lines, 1) if line and _decode(line) is None]


def read(path: Path, start: int = 0) -> tuple[list[dict[str, Any]], int]:
    """Read the notes from the byte `start` on, and the position after them; damaged lines are skipped with a warning."""
    try:
        with below.check(path).open("rb") as file:
            file.seek(start)
            whole, newline, rest = file.read().rpartition(b"\n")
    except FileNotFoundError:
        return [], start
    lines = [line for line in whole.split(b"\n") if line]
    notes = [note for line in lines if (note := _decode(line)) is not None]
    damaged = len(lines) - len(notes) + (bool(rest) and start == 0)  # else it may be a line that is being written
    if damaged:
        warn(path, f"{damaged} damaged line{' is' if damaged == 1 else 's are'} skipped")
    return notes, start + len(whole) + len(newline)


@functools.cache
def warn(path: Path, what: str) -> None:
    """Warn of a damaged file, once in this process."""
    _log.warning("%s: %s", path, what)


def _encode(note: Mapping[str, Any]) -> bytes:
    text = json.dumps(note, allow_nan=False)
    return f'{{"crc32": "{zlib.crc32(text.encode()):08x}", "note": {text}}}\n'.encode()


def _decode(line: bytes) -> dict[str, Any] | None:
    """The note of a line; None if the line is damaged."""
    try:
        note = json.loads(line)["note"]
        return note if _encode(note) == line + b"\n" else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
