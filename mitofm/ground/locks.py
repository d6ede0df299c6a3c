"""Locks between processes of all machines that share a folder; a dead holder does not keep its lock.

A lock is a file that names its holder. It is made by a hard link, which is atomic on NFS too, and its holder touches it every
few seconds. A waiter takes it over if the holder was a process of this machine that has ended, or if it has not been touched
for `STALE` seconds *of the waiter's own clock*: clocks of two machines are never compared.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mitofm.ground import below
from mitofm.ground.errors import MitofmError
from mitofm.ground.files import name_temporary, read_json
from mitofm.ground.processes import name_machine as _name_machine
from mitofm.ground.processes import read_start as _read_start
from mitofm.ground.system_locks import system_lock

BEAT = 10.0  # seconds between two touches
STALE = 120.0  # seconds without a touch after which a holder on another machine counts as dead
_QUIET = 60.0  # seconds of waiting that need no word: cells of a sweep wait for each other's patches and embeddings
_LOOK = 0.1  # seconds between a waiter's first looks; later ones are up to BEAT / 2 apart

_NO_LINKS = {errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.EMLINK}

_KEYS = {"token", "host", "machine", "process", "born"}  # of a lock's file
_ABSENT = (FileNotFoundError, NotADirectoryError, IsADirectoryError)

_log = logging.getLogger(__name__)


class Held(Exception):
    """Another process holds the lock."""


class NoLock(MitofmError):
    """The file system refuses to make a lock; its error is the cause."""


class Lost(MitofmError):
    """Another process has taken the lock over."""


class Lock:
    """A lock, as its holder sees it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.token = uuid.uuid4().hex
        self._closed = threading.Event()

    def is_ours(self) -> bool:
        """Whether no other process has taken the lock over, as it may from one that was suspended for long."""
        return _read(self.path).get("token") == self.token

    def require(self) -> None:
        """Raise Lost if the lock was taken over."""
        if not self.is_ours():
            raise Lost(
                f"{self.path} was taken over: this process did not touch it for {STALE:.0f} s. Whoever holds it now goes on"
            )

    def _take(self) -> bool:
        """Make the lock, unless there is one. MitofmError if none can be made here: waiting would have no end."""
        mine = name_temporary(self.path)
        try:
            below.check(self.path).parent.mkdir(parents=True, exist_ok=True)
            mine.write_text(json.dumps({"token": self.token, **_describe_process()}), encoding="utf-8")
            try:
                os.link(mine, self.path)
            except FileExistsError:
                return self.is_ours()  # over NFS the link may be made on the first try, and found on the second
            except OSError:
                if not self.is_ours():
                    raise
            return True
        except OSError as error:
            if error.errno in _NO_LINKS:
                raise MitofmError(
                    f"{self.path.parent}: this file system has no hard links ({error.strerror}), by which processes "
                    "keep out of each other's way: set paths.runs and paths.cache to folders of one that has"
                ) from error
            raise NoLock(
                f"{self.path.parent}: no lock can be made there ({error.strerror or error}): make room, mend the "
                "permissions, or set paths.runs and paths.cache to other folders"
            ) from error
        finally:
            with suppress(OSError):
                mine.unlink(missing_ok=True)

    def _beat(self) -> None:
        while not self._closed.wait(BEAT):
            with suppress(OSError):
                if self.is_ours():
                    os.utime(self.path)


@contextmanager
def lock(path: Path, wait: bool = True, brief: bool = False, waiter: Waiter | None = None) -> Iterator[Lock]:
    """Hold the lock `path` in the block; its folder is made. One that is held for far less than `STALE` s may be `brief`.

    A `waiter` has looked at it before, and may know that its holder is dead.

    Raises:
        Held: another process holds it, and `wait` is false.
    """
    mine, waiter, pause = Lock(path), waiter or Waiter(path), _LOOK
    told, started = False, time.monotonic()
    while not mine._take():
        if waiter.holder_is_dead():
            _break(path, waiter)
            continue
        if not wait:
            raise Held(f"{path} is held by {waiter.who()}")
        if not told and time.monotonic() - started > _QUIET:
            told = True
            _log.info("waiting for %s, which holds %s", waiter.who(), path.name)
        time.sleep(pause)
        pause = min(1.5 * pause, BEAT / 2)
    if not brief:
        threading.Thread(target=mine._beat, daemon=True).start()
    try:
        yield mine
    finally:
        mine._closed.set()
        if mine.is_ours():
            path.unlink(missing_ok=True)


def find_holder(path: Path) -> str:
    """The holder of the lock `path`, as `machine, process 123`; empty if there is none, or it is a dead process of this machine."""
    waiter = Waiter(path)
    return "" if not waiter.look() or waiter.holder_is_dead() else waiter.who()


class Waiter:
    """Judges whether the holder of a lock still lives; of one on another machine, by looking at it again and again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._touched: float | None = None
        self._since = time.monotonic()
        self.seen: dict[str, Any] = {}

    def look(self) -> bool:
        """Read the lock, and restart the clock if it was touched or has another holder. True if the lock exists."""
        try:
            seen, touched = _read(self._path), self._path.stat().st_mtime
        except _ABSENT:
            seen, touched = {}, None
        if (seen, touched) != (self.seen, self._touched):
            self.seen, self._touched, self._since = seen, touched, time.monotonic()
        return touched is not None

    def holder_is_dead(self) -> bool:
        """Whether somebody holds the lock who will not come back to it, as far as the looks so far can tell."""
        if not self.look():
            return False  # the lock is free
        if "token" not in self.seen:
            return True  # locks are linked whole: this is another file
        if self.seen["machine"] == _name_machine():
            return _read_start(self.seen["process"]) != self.seen["born"]
        return time.monotonic() - self._since > STALE

    @property
    def silent(self) -> float:
        """Seconds since the last look that found the lock touched."""
        return time.monotonic() - self._since

    def who(self) -> str:
        """The holder when it was last looked at, as `machine, process 123`."""
        return f"{self.seen.get('host', 'nobody')}, process {self.seen.get('process', '-')}"


def _break(path: Path, dead: Waiter) -> None:
    """Remove a dead holder's lock unless another waiter has; a second lock lets one waiter do so at a time."""
    if path.is_dir():
        raise MitofmError(f"{path} is a folder, and a lock belongs there: remove it")
    with system_lock(below.check(path.with_name(f".{path.name}.breaking"))):
        if _read(path).get("token") == dead.seen.get("token"):
            _log.warning("%s, is gone: its lock %s is taken over", dead.who(), path.name)
            path.unlink(missing_ok=True)


def _read(path: Path) -> dict[str, Any]:
    """The content of a lock's file; empty if it is absent or not a lock. OSError if that cannot be found out."""
    with suppress(*_ABSENT, ValueError):
        content = read_json(path)
        return content if content.keys() >= _KEYS else {}
    return {}


def _describe_process() -> dict[str, Any]:
    return {
        "host": socket.gethostname(),
        "machine": _name_machine(),
        "process": os.getpid(),
        "born": _read_start(os.getpid()),
    }
