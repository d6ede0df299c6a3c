"""Shapes and textures: smooth noise, irregular round outlines, clumps of blobs.

Everything is drawn for n cells at once, each centred in a square of `size` px, in single precision.
"""

from __future__ import annotations

import cv2
import numpy as np


def draw_noise(rng: np.random.Generator, shape: tuple[int, int], grain: float) -> np.ndarray:
    """Smooth noise (float32, `shape`) of mean 0 and standard deviation 1 whose lumps are about `grain` px wide."""
    coarse = [max(4, round(length / grain) + 3) for length in shape]
    field = cv2.resize(rng.standard_normal(coarse, np.float32), shape[::-1], interpolation=cv2.INTER_CUBIC)
    mean, spread = cv2.meanStdDev(field)
    return (field - np.float32(mean[0, 0])) * np.float32(1 / spread[0, 0])


def draw_windows(rng: np.random.Generator, field: np.ndarray, n: int, size: int) -> np.ndarray:
    """`n` random squares (n, size, size) of `field`: cheaper textures than one field for each cell."""
    top, left = (rng.integers(0, length - size + 1, n) for length in field.shape)
    return np.lib.stride_tricks.sliding_window_view(field, (size, size))[top, left]


def draw_depth(
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
    offset = np.arange(size, dtype=np.float32) - (size - 1) / 2
    stretch = np.sqrt(elongation)
    cos, sin = np.cos(angle), np.sin(angle)
    u = per_figure(cos / stretch) * offset + per_figure(sin / stretch) * offset[:, None]
    v = per_figure(cos * stretch) * offset[:, None] - per_figure(sin * stretch) * offset
    rho = np.sqrt(u * u + v * v)
    turn = np.empty(rho.shape, np.complex64)  # its powers are the waves around the outline, without any arctangent
    turn.real, turn.imag = u, v
    turn /= rho + np.float32(1e-6)
    outline, square = np.ones_like(rho), turn * turn
    cube = square * turn
    for order, wave in ((2, square), (3, cube), (5, cube * square)):
        height, phase = rng.normal(0, wobble / np.sqrt(order), len(radius)), rng.uniform(0, 2 * np.pi, len(radius))
        outline += per_figure(height * np.cos(phase)) * wave.real - per_figure(height * np.sin(phase)) * wave.imag
    return per_figure(radius) * outline - rho


def per_figure(values: np.ndarray) -> np.ndarray:
    """One number for each cell, as (n, 1, 1) of single precision."""
    return np.asarray(values, np.float32)[:, None, None]


def soften(inside: np.ndarray, width: np.ndarray | float) -> np.ndarray:
    """A mask in 0..1 that rises over `width` (px, or the unit of `inside`) where `inside` turns positive."""
    return 1 / (1 + np.exp(np.clip(inside / -np.asarray(width, inside.dtype), -30, 30)))


def mark_ridge(inside: np.ndarray, at: float, width: float) -> np.ndarray:
    """A line of 1 where `inside` is `at`, `width` wide to each side (Gaussian)."""
    return np.exp(-np.square((inside - np.float32(at)) / np.float32(width)))


def sum_blobs(points: np.ndarray, sizes: np.ndarray, size: int) -> np.ndarray:
    """The sum of Gaussian blobs, (n, size, size).

    Args:
        points: (n, blobs, 2) their centres, px from the middle.
        sizes: (n, blobs) their standard deviations, px; 0 leaves a blob out.
    """
    offset = np.arange(size, dtype=np.float32) - (size - 1) / 2
    safe = np.maximum(sizes, 1e-3).astype(np.float32)[..., None]
    x, y = (np.exp(-(((offset - points[..., axis, None].astype(np.float32)) / safe) ** 2) / 2) for axis in (0, 1))
    y *= (sizes > 0)[..., None]
    return np.matmul(y.transpose(0, 2, 1), x)


def overlap(place: np.ndarray, size: int, side: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Where a square of `size` px centred at `place` (x, y) lies in a region, and which part of the square that is."""
    x, y = (int(value) - size // 2 for value in place)
    top, bottom, left, right = max(y, 0), min(y + size, side), max(x, 0), min(x + size, side)
    return (slice(top, bottom), slice(left, right)), (slice(top - y, bottom - y), slice(left - x, right - x))


def lay_over(canvas: np.ndarray, places: np.ndarray, squares: np.ndarray) -> None:
    """Put squares (n, size, size), centred at `places` (n, 2), into `canvas` (side, side), if they are darker there."""
    for place, square in zip(places, squares, strict=True):
        here, part = overlap(place, len(square), len(canvas))
        np.maximum(canvas[here], square[part], out=canvas[here])
