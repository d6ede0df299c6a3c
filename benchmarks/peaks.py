"""The peak memory of a process and of those that it has started, which says nothing of who started it.

`ru_maxrss` of a child begins with what its parent held when it started it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from resource import struct_rusage
from subprocess import Popen


def watch(process: Popen) -> tuple[struct_rusage, float]:
    """What a process and its children used until its end, and the most memory that one of them had, MiB, seen every 50 ms."""
    most = 0.0
    while True:
        most = max(most, *_read_peaks(process.pid), 0.0)
        ended, status, used = os.wait4(process.pid, os.WNOHANG)
        if ended:
            process.returncode = os.waitstatus_to_exitcode(status)
            return used, most
        time.sleep(0.05)


def _read_peaks(process: int) -> Iterator[float]:
    yield 0.0
    with suppress(OSError):  # it has ended meanwhile
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                yield int(line.split()[1]) / 1024
        for task in Path(f"/proc/{process}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from _read_peaks(int(child))
