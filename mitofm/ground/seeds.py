"""Independent random streams derived from the one seed of a cell.

A stream is named by what it is for (and, if it must not depend on history, by the step and the sample), so that
adding a consumer never shifts another one and a resumed run draws what an uninterrupted one would have drawn.
"""

from __future__ import annotations

import hashlib

import numpy as np


def derive(seed: int, *names: str | int) -> int:
    """A 63-bit integer seed for the stream `names` of `seed` (sha256 of both; equal on every platform)."""
    text = "\x1f".join(str(part) for part in (seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """A NumPy generator for the stream `names` of `seed`."""
    return np.random.default_rng(derive(seed, *names))
