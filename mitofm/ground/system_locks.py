"""A lock that the system frees when its process ends, and whose file is not left behind."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import SoftFileLock

_NONE_HERE = {errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK}


@contextmanager
def system_lock(path: Path) -> Iterator[None]:
    """Hold the lock `path` in the block, between processes of machines whose file system knows such locks."""
    try:
        file = _take(path)
    except OSError as error:
        if error.errno not in _NONE_HERE:
            raise
        with SoftFileLock(path.with_name(f"{path.name}.soft")):  # by the presence of this file
            path.unlink(missing_ok=True)
            yield
        return
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink()  # while it is held: who waits for this file sees that it is gone, and opens a new one
        os.close(file)


def _take(path: Path) -> int:
    """Wait for the lock; its open file, which lies at `path`."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file), path.lstat()):
                    return file
        except BaseException:
            os.close(file)
            raise
        os.close(file)
