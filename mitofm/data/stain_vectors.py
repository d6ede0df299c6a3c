"""The amounts of the stains in a pixel, by the absorption of each."""

from __future__ import annotations

import numpy as np

_DIRECTIONS = np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]])
STAINS = (_DIRECTIONS / np.linalg.norm(_DIRECTIONS, axis=1, keepdims=True)).astype(np.float32)
"""Optical density of haematoxylin, eosin and DAB per unit of stain (Ruifrok & Johnston, Anal Quant Cytol Histol 2001;23:291).

The third stands for what the first two do not explain.
"""
DENSITY = -np.log10(np.maximum(np.arange(256, dtype=np.float32), 1) / 255)
"""Optical density of every grey level."""
_AMOUNTS = np.linalg.inv(STAINS)


def measure_haematoxylin(pixels: np.ndarray) -> np.ndarray:
    """Haematoxylin in optical density, below 0 where a colour is of neither stain: uint8 (..., 3) -> float32 (...)."""
    red, green, blue = (DENSITY * weight for weight in _AMOUNTS[:, 0])
    return red[pixels[..., 0]] + green[pixels[..., 1]] + blue[pixels[..., 2]]
