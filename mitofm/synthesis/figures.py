"""What both classes of annotated cells have in common.

Darkness and area of the chromatin, the look of the cell around it, and focus come from one distribution each for both
classes, so that no single number separates mitotic figures from look-alikes.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mitofm.synthesis.shapes import draw_depth, draw_noise, draw_windows, mark_ridge, per_figure, soften

BLURRED = 0.20  # share of the annotated cells that are out of focus
SIZE = 72  # px: side of the square in which one is drawn


@dataclass(frozen=True)
class Figures:
    """n annotated cells, each in the centre of a square."""

    kind: np.ndarray  # (n,) what each is, in words
    chromatin: np.ndarray  # (n, SIZE, SIZE) its absorption, optical density
    pigmented: np.ndarray  # (n,) whether that is melanin instead of haematoxylin


def draw_scales(rng: np.random.Generator, n: int, radius: float) -> np.ndarray:
    """(n,) radii of the nuclei that the figures were, px."""
    return radius * rng.normal(1, 0.10, n).clip(0.75, 1.3)


def draw_areas(rng: np.random.Generator, n: int, radius: float) -> np.ndarray:
    """(n,) px² of dark chromatin, whatever a figure is."""
    return radius**2 * np.exp(rng.normal(np.log(1.45), 0.30, n)).clip(0.7, 2.6)


def draw_darkness(rng: np.random.Generator, n: int) -> np.ndarray:
    """Mean optical density of a figure's chromatin, (n,)."""
    return rng.normal(1.0, 0.17, n).clip(0.6, 1.45)


def draw_bodies(
    rng: np.random.Generator, scale: np.ndarray, elongation: np.ndarray, angle: np.ndarray, chromatin: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The cells around figures of these scales: rounder and often clearer than their neighbours, some shrunken.

    Returns:
        (n, SIZE, SIZE) each: in 0..1 where the tissue that was there is gone; cytoplasm relative to that of neighbours.
    """
    n = len(scale)
    lumps = draw_noise(rng, (160, 160), 22.0)
    inside = draw_depth(rng, SIZE, scale * rng.uniform(1.3, 1.75, n), elongation, angle, wobble=0.07)
    inside += np.float32(0.8) * draw_windows(rng, chromatin, n, SIZE)
    body = soften(inside, 1.0)
    shrunken = np.where(rng.random(n) < 0.35, rng.uniform(0.5, 3.0, n), 0)
    halo = per_figure(shrunken) * (1 + draw_windows(rng, lumps, n, SIZE))
    pink = per_figure(rng.normal(0.85, 0.22, n).clip(0.35, 1.45))
    pink = pink + per_figure(rng.uniform(0, 0.45, n)) * mark_ridge(inside, 1.0, 1.4)
    return np.maximum(body, soften(inside + halo, 0.8)), body * pink


def blur(rng: np.random.Generator, figures: np.ndarray, which: np.ndarray) -> None:
    """Blur the squares `which` of `figures` (n, SIZE, SIZE), in place, each by its own amount."""
    for row in np.flatnonzero(which):
        figures[row] = cv2.GaussianBlur(figures[row], (0, 0), rng.uniform(1.3, 3.0))
