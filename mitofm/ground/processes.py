"""Names of processes: what one leaves half-made bears its name, so that another knows when nobody will finish it."""

from __future__ import annotations

import hashlib
import os
import re
import socket
import uuid
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

_MARK = re.compile(r"([0-9a-f]{6})-(\d+)-(\w+)-[0-9a-f]{6}")


def make_mark() -> str:
    """A new name, in lower case letters, digits and hyphens, by which `has_ended` knows this process."""
    process = os.getpid()
    return f"{_hash_machine()}-{process}-{read_start(process)}-{uuid.uuid4().hex[:6]}"


def has_ended(mark: str) -> bool:
    """Whether `mark` was made by a process of this machine that has ended. False if that cannot be known."""
    found = _MARK.fullmatch(mark)
    return found is not None and found[1] == _hash_machine() and read_start(int(found[2])) != found[3]


def name_machine() -> str:
    """A name for this machine since its start, and for the container whose processes are visible here."""
    try:
        return _read_machine(os.getpid())
    except OSError:
        return socket.gethostname()


@lru_cache(maxsize=1)
def _read_machine(_process: int) -> str:
    """As `name_machine`, read once in the life of a process: locks are named by it for every line of a journal."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{socket.gethostname()} {boot} {Path('/proc/self/ns/pid').readlink()}"


def read_start(process: int) -> str | None:
    """The start of a process of this machine, by which a reused process number is recognised; None if the process has ended.

    OSError if that cannot be found out: too many files are open.
    """
    return _read_own_start(process) if process == os.getpid() else _read_start(process)


@lru_cache(maxsize=1)
def _read_own_start(process: int) -> str | None:
    return _read_start(process)


def _read_start(process: int) -> str | None:
    with suppress(FileNotFoundError, ProcessLookupError, NotADirectoryError):
        fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return None if fields[0] in "ZX" else fields[19]
    if Path("/proc/self").exists():
        return None
    try:
        os.kill(process, 0)
    except OSError as error:
        return "alive" if isinstance(error, PermissionError) else None
    return "alive"


def _hash_machine() -> str:
    return hashlib.sha256(name_machine().encode()).hexdigest()[:6]
