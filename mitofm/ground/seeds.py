"""Independent random streams derived from the seed of a cell.

A stream is named by its purpose, and by step and sample if it must not depend on history. So a new stream changes no other,
and a resumed run draws what an uninterrupted one draws.
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
