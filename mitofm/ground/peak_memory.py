"""How much memory this process has held at most."""

import resource
import sys


def read_peak_memory() -> float:
    """In MiB. On Linux it begins with what the process that started this one held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10  # bytes there, else KiB
