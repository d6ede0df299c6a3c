"""How much more memory this process holds at most while something happens: Linux knows, of C libraries too.

Not tracemalloc: in Python 3.11 to stop it while another thread allocates (Arrow's, that of the test runner) is now and then the
end of the process.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PROCESS = Path("/proc/self")


@contextmanager
def holding_at_most(megabytes: float) -> Iterator[None]:
    """Fail if the process grew by more in this block; elsewhere than on Linux nothing is measured."""
    if not (_PROCESS / "clear_refs").exists():
        yield
        return
    (_PROCESS / "clear_refs").write_text("5")  # the peak begins anew
    before = _read("VmRSS")
    yield
    assert _read("VmHWM") - before < megabytes


def _read(name: str) -> float:
    """In MB."""
    (line,) = [line for line in (_PROCESS / "status").read_text().splitlines() if line.startswith(name)]
    return int(line.split()[1]) * 1024 / 1e6
