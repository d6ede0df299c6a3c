"""Notes that many processes append to one file: JSON lines with checksums, so that only the damaged ones are lost.

Lines that are missing altogether are seen from the journal's *end*, a small file beside it that each writer brings up to date:
how many lines were written, and the checksum of all of them. A journal of before has none until it is next written to.
"""

from __future__ import annotations

import errno
import functools
import json
import logging
import os
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mitofm.ground import below
from mitofm.ground.locks import lock

_log = logging.getLogger(__name__)
_LINE = re.compile(rb'\{"crc32": "([0-9a-f]{8})", "note": (.*)\}', re.DOTALL)


@dataclass(frozen=True)
class _End:
    """What was written to a journal: its size in bytes after the last line, all its lines, and the crc32 of its bytes."""

    size: int
    lines: int
    crc32: int

    def add(self, content: bytes, lines: int) -> _End:
        return _End(self.size + len(content), self.lines + lines, zlib.crc32(content, self.crc32))

    def encode(self) -> bytes:
        """A line of one length, so that writing it in place leaves nothing of the last one."""
        numbers = {"size": self.size, "lines": self.lines, "crc32": self.crc32}
        text = json.dumps({name: f"{value:015d}" for name, value in numbers.items()})
        return f'{{"crc32": "{zlib.crc32(text.encode()):08x}", "end": {text}}}\n'.encode()


def append(path: Path, *notes: Mapping[str, Any]) -> None:
    """Append notes in one write, under a lock that works over NFS too; OSError if they cannot be written.

    There is no fsync: the next start of a sweep writes again what a power cut has removed. The time it takes does not depend on
    the journal's length, but for the first time that a journal of before is written to.
    """
    line = b"".join(map(_encode, notes))
    with lock(path.with_name(f"{path.name}.lock"), brief=True):
        with below.check(path).open("ab+", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            end = _read_end(path) or _End(0, 0, 0)
            if end.size <= size:  # what a writer that was killed has left, or one of a mitofm of before
                unseen = os.pread(file.fileno(), size - end.size, end.size)
                end = end.add(unseen, unseen.count(b"\n"))
            lines = len(notes)
            if size and os.pread(file.fileno(), 1, size - 1) != b"\n":  # the last writer was killed while it wrote
                line = b"\n" + line
                lines += end.size == size  # else it is cut, and its end was counted when it was written
            if file.write(line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        # After the journal is closed: over NFS who sees this file sees the line too.
        _write_end(path, replace(end.add(line, lines), size=size + len(line)))


def locate_end(path: Path) -> Path:
    """Where the end of a journal is."""
    return path.with_suffix(".end")


def knows_end(path: Path) -> bool:
    """Whether it is known how many lines were written to a journal."""
    return _read_end(path) is not None


def describe_loss(path: Path) -> str:
    """What is missing of a journal, in words; "" if nothing, or if its end is not known."""
    end = _read_end(path)
    if end is None:
        return ""
    try:
        content = below.check(path).read_bytes()
    except FileNotFoundError:
        content = b""
    except OSError:  # whoever reads it says so
        return ""
    whole, _, rest = content.rpartition(b"\n")
    missing = end.lines - content.count(b"\n") - bool(rest)
    if missing > 0:
        lines = "line of the study's journal is" if missing == 1 else "lines of the study's journal are"
        return f"{missing} {lines} missing"
    if (
        zlib.crc32(content[: end.size]) != end.crc32
        and all(map(_decode, filter(None, whole.split(b"\n"))))
        and not rest
    ):
        return "the study's journal is not the file that was written there"
    return ""


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
        if start == 0 and (lost := describe_loss(path)):
            warn(path, lost)
        return [], start
    lines = [line for line in whole.split(b"\n") if line]
    notes = [note for line in lines if (note := _decode(line)) is not None]
    damaged = len(lines) - len(notes) + (bool(rest) and start == 0)  # else it may be a line that is being written
    told = [f"{damaged} damaged line{' is' if damaged == 1 else 's are'} skipped"] if damaged else []
    if start == 0 and (lost := describe_loss(path)):
        told.append(lost)
    if told:
        warn(path, "; ".join(told))
    return notes, start + len(whole) + len(newline)


@functools.cache
def warn(path: Path, what: str) -> None:
    """Warn of a damaged file, once in this process."""
    _log.warning("%s: %s", path, what)


def _read_end(path: Path) -> _End | None:
    """The end of a journal; None if it has none, or if that is damaged."""
    try:
        text = below.check(locate_end(path)).read_bytes()
        end = _End(**{name: int(value) for name, value in json.loads(text)["end"].items()})
        return end if end.encode() == text else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _write_end(path: Path, end: _End) -> None:
    """In place, in one write: a process that is killed leaves the former one or this."""
    file = os.open(below.check(locate_end(path)), os.O_WRONLY | os.O_CREAT, 0o666)
    try:
        written = os.pwrite(file, end.encode(), 0)
        os.ftruncate(file, written)
    finally:
        os.close(file)


def _encode(note: Mapping[str, Any]) -> bytes:
    text = json.dumps(note, allow_nan=False)
    return f'{{"crc32": "{zlib.crc32(text.encode()):08x}", "note": {text}}}\n'.encode()


def _decode(line: bytes) -> dict[str, Any] | None:
    """The note of a line; None if the line is damaged."""
    found = _LINE.fullmatch(line)
    if found is None or zlib.crc32(found[2]) != int(found[1], 16):
        return None
    try:
        note = json.loads(found[2])
    except (ValueError, RecursionError):
        return None
    return note if isinstance(note, dict) else None
