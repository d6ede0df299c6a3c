"""Embeddings as directions: centred on the mean of the training samples, then of unit length.

The mean of a backbone's embeddings, which all its patches share, would make every cosine nearly 1 (SimpleShot's CL2N, Wang
et al. 2019, arXiv 1911.04623).
"""

from __future__ import annotations

import numpy as np


def find_centre(embeddings: np.ndarray) -> np.ndarray:
    """The mean of embeddings: (n, D) -> float32 (D,)."""
    return embeddings.mean(axis=0, dtype=np.float64).astype(np.float32)


def find_directions(embeddings: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """float32 (n, D) around `centre` (D,), each of unit length; one that lies on the centre stays 0."""
    centred = embeddings.astype(np.float32) - centre
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    return centred / np.where(length > 0, length, 1)
