"""Shapes and textures: smooth noise, irregular round outlines, clumps of blobs, and nuclei at rest.

Everything is drawn for n cells at once, each centred in a square of `size` px. Haematoxylin is in optical density.
"""

from __future__ import annotations

import cv2
import numpy as np


def noise(rng: np.random.Generator, shape: tuple[int, int], grain: float) -> np.ndarray:
    """Smooth noise (float32, `shape`) of mean 0 and standard deviation 1 whose lumps are about `grain` px wide."""
    coarse = [max(4, round(length / grain) + 3) for length in shape]
    field = cv2.resize(rng.standard_normal(coarse, np.float32), shape[::-1], interpolation=cv2.INTER_CUBIC)
    return (field - field.mean()) / field.std()


def windows(rng: np.random.Generator, field: np.ndarray, n: int, size: int) -> np.ndarray:
    """`n` random squares (n, size, size) of `field`: a texture for each cell without drawing one for each."""
    top, left = (rng.integers(0, length - size + 1, n) for length in field.shape)
    return np.lib.stride_tricks.sliding_window_view(field, (size, size))[top, left]


def rotated(size: int, angle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Px from the centre along and across the axis at `angle` (n,), radians: two arrays (n, size, size)."""
    offset = np.arange(size, dtype=np.float32) - (size - 1) / 2
    cos, sin = (f(angle).astype(np.float32)[:, None, None] for f in (np.cos, np.sin))
    x, y = offset[None, None, :], offset[None, :, None]
    return x * cos + y * sin, y * cos - x * sin


def depth(
    rng: np.random.Generator,
    size: int,
    radius: np.ndarray,
    elongation: np.ndarray,
    angle: np.ndarray,
    wobble: np.ndarray | float,
) -> np.ndarray:
    """How deep (px, negative outside) each pixel lies in an irregular ellipse: (n, size, size).

    Args:
        radius: (n,) radius of the disc of equal area, px.
        elongation: (n,) ratio of the axes.
        angle: (n,) direction of the long axis, radians.
        wobble: relative standard deviation of the outline around the ellipse, (n,) or one for all.
    """
    u, v = rotated(size, angle)
    stretch = np.sqrt(elongation).astype(np.float32)[:, None, None]
    u, v = u / stretch, v * stretch
    phi, rho = np.arctan2(v, u), np.hypot(u, v)
    outline = np.ones_like(rho)
    for order in (2, 3, 5):
        height, phase = rng.normal(0, wobble / np.sqrt(order), len(radius)), rng.uniform(0, 2 * np.pi, len(radius))
        outline += height.astype(np.float32)[:, None, None] * np.cos(
            order * phi + phase.astype(np.float32)[:, None, None]
        )
    return radius.astype(np.float32)[:, None, None] * outline - rho


def soft(inside: np.ndarray, width: np.ndarray | float) -> np.ndarray:
    """A mask in 0..1 that rises over `width` (px, or the unit of `inside`) where `inside` turns positive."""
    return 1 / (1 + np.exp(np.clip(-inside / width, -30, 30)))


def clump(points: np.ndarray, sizes: np.ndarray, size: int) -> np.ndarray:
    """The sum of Gaussian blobs, (n, size, size).

    Args:
        points: (n, blobs, 2) their centres, px from the middle.
        sizes: (n, blobs) their standard deviations, px; 0 leaves a blob out.
    """
    offset = np.arange(size, dtype=np.float32) - (size - 1) / 2
    safe = np.maximum(sizes, 1e-3).astype(np.float32)[..., None]
    x, y = (np.exp(-(((offset - points[..., axis, None].astype(np.float32)) / safe) ** 2) / 2) for axis in (0, 1))
    return np.einsum("nky,nkx->nyx", y * (sizes > 0)[..., None], x)


def interphase(
    rng: np.random.Generator,
    size: int,
    radius: np.ndarray,
    elongation: np.ndarray,
    angle: np.ndarray,
    chromatin: np.ndarray,
) -> np.ndarray:
    """Haematoxylin (n, size, size) of nuclei at rest: a membrane, uneven chromatin, one or two nucleoli.

    Args:
        radius, elongation, angle: (n,) of each nucleus, as for `depth`.
        chromatin: a field of smooth noise larger than `size` on both sides.
    """
    n = len(radius)
    inside = depth(rng, size, radius, elongation, angle, wobble=0.06)
    texture = windows(rng, chromatin, n, size)
    open_chromatin = rng.uniform(0.16, 0.42, n)[:, None, None]
    membrane = rng.uniform(0.15, 0.35, n)[:, None, None] * np.exp(-(((inside - 1.2) / 1.1) ** 2))
    spread = radius[:, None, None] * rng.uniform(-0.4, 0.4, (n, 2, 2))
    nucleoli = rng.uniform(0, 0.4, n)[:, None, None] * clump(spread, rng.uniform(1.2, 2.2, (n, 2)), size)
    amount = open_chromatin * (1 + 0.45 * texture) + membrane + nucleoli
    return (soft(inside, 0.5) * np.maximum(amount, 0.05)).astype(np.float32)
