"""What the benchmarks measure time with."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np


def read_clocks() -> np.ndarray:
    """Seconds of wall and of CPU time of this process, float64 (2,), once a GPU in use is idle."""
    torch = sys.modules.get("torch")  # what needs none does not import it
    if torch is not None and torch.cuda.is_available():
        torch.cuda.synchronize()
    return np.array([time.perf_counter(), time.process_time()])


def measure(work: Callable[[], object]) -> np.ndarray:
    """Seconds of wall and of CPU time that `work` takes, float64 (2,)."""
    start = read_clocks()
    work()
    return read_clocks() - start
