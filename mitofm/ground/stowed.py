"""Plain data and bytes kept in one file with a checksum: to read one with ten thousand numbers takes a tenth of a millisecond.

As `files.keep`, for what JSON is too slow for. What is kept can be computed again, so a file is not forced onto the disk: one
that is cut off or damaged has another checksum, and counts as absent.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from mitofm.ground import below
from mitofm.ground.files import move, name_temporary

_CHECKSUM = hashlib.sha256().digest_size
_LONGEST = 2**28  # bytes


def stow(entry: Path, plain: Any, content: bytes = b"") -> None:
    """Write plain data and bytes for `fetch`; OSError if they cannot be written."""
    text = json.dumps(plain).encode()
    content = len(text).to_bytes(8, "little") + text + content
    below.check(entry).parent.mkdir(parents=True, exist_ok=True)
    temporary = name_temporary(entry)
    try:
        temporary.write_bytes(_sum(entry, content) + content)
        move(temporary, entry)
    finally:
        temporary.unlink(missing_ok=True)


def fetch(entry: Path, used: bool = False) -> tuple[Any, bytes] | None:
    """What `stow` has written; None if the file is absent, damaged or another entry's. `used`: `forget` is to know of it."""
    with suppress(OSError, ValueError):
        with below.check(entry).open("rb") as file:
            if os.fstat(file.fileno()).st_size > _LONGEST:
                return None
            held = file.read()
        content = held[_CHECKSUM:]
        if held[:_CHECKSUM] == _sum(entry, content):
            if used:
                with suppress(OSError):  # of somebody else: it may be read
                    os.utime(entry)
            end = 8 + int.from_bytes(content[:8], "little")
            return json.loads(content[8:end]), content[end:]
    return None


def forget(folder: Path, ending: str, days: float) -> None:
    """Delete the entries with this ending that were neither written nor fetched as used for so long."""
    oldest = time.time() - days * 86400
    with suppress(OSError), os.scandir(below.check(folder)) as entries:
        for entry in entries:
            if entry.name.endswith(ending) and entry.stat(follow_symlinks=False).st_mtime < oldest:
                below.check(folder / entry.name).unlink(missing_ok=True)


def _sum(entry: Path, content: bytes) -> bytes:
    return hashlib.sha256(entry.name.encode() + b"\0" + content).digest()
