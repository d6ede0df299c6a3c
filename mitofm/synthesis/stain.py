"""From amounts of stain to the colours a scanner records: the Beer-Lambert law."""

from __future__ import annotations

import numpy as np


def normalize(vector: np.ndarray) -> np.ndarray:
    """`vector` (..., 3) scaled to length 1: an optical density per channel for one unit of stain."""
    return vector / np.linalg.norm(vector, axis=-1, keepdims=True)


def transmit(amounts: np.ndarray, vectors: np.ndarray, white: np.ndarray) -> np.ndarray:
    """The light that passes through stained tissue, I0 * 10^-(amounts @ vectors): (..., 3) float32 in 0..255.

    Stain vectors are in optical density (Ruifrok & Johnston, Anal Quant Cytol Histol 2001;23:291).

    Args:
        amounts: (..., stains) of each stain, in optical density.
        vectors: (stains, 3) optical density of one unit of each stain in red, green and blue.
        white: (3,) what the scanner records where there is no tissue, in 0..255.
    """
    density = amounts.astype(np.float32) @ vectors.astype(np.float32)
    return white.astype(np.float32) * np.exp(density * np.float32(-np.log(10)))
