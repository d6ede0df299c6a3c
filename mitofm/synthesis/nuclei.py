"""Nuclei at rest: membrane, chromatin and nucleoli of tumor cells, connective tissue and leucocytes."""

from __future__ import annotations

import numpy as np

from mitofm.synthesis.domains import Domain
from mitofm.synthesis.layout import CONNECTIVE, EOSINOPHIL, LYMPHOCYTE, Layout
from mitofm.synthesis.shapes import draw_depth, draw_windows, lay_over, mark_ridge, per_figure, soften, sum_blobs

_GROUPS = 5  # of nuclei of like size: a square as large as the largest of all would be mostly empty


def paint(rng: np.random.Generator, canvas: np.ndarray, domain: Domain, layout: Layout, chromatin: np.ndarray) -> None:
    """Draw the resting nuclei of `layout` into the haematoxylin `canvas` (side, side), optical density."""
    n, kind = len(layout.places), layout.kinds
    thin, leucocyte = kind == CONNECTIVE, (kind == LYMPHOCYTE) | (kind == EOSINOPHIL)
    relative = np.select([thin, kind == EOSINOPHIL], [0.62, 0.55], 1.0) * rng.normal(1, domain.variation, n)
    radius = np.where(kind == LYMPHOCYTE, 9.5 * rng.normal(1, 0.07, n), domain.radius * relative.clip(0.55, 1.6))
    slender, compact, usual = rng.uniform(2, 4.5, n), rng.uniform(1, 1.15, n), rng.normal(1, 0.15, n)
    elongation = np.select([thin, leucocyte], [slender, compact], domain.elongation * usual).clip(1, 4.5)
    loose = np.select([thin, leucocyte], [0.2, 3.0], 1.6 / domain.elongation**2)
    angle = layout.angles + loose * rng.standard_normal(n)
    opened = np.clip(domain.open_chromatin * rng.normal(1, 0.35, n), 0, 1)
    open_chromatin = np.select([leucocyte, thin], [0.0, 0.5 * opened], opened)
    dark = np.where(leucocyte, 0.62, 0.40) * rng.normal(1, 0.16, n).clip(0.6, 1.5)
    looks, longest = np.stack([radius, elongation, angle, open_chromatin, dark]), radius * np.sqrt(elongation)
    for members in np.array_split(np.argsort(longest), min(_GROUPS, n)):
        size = 2 * int(np.ceil(longest[members].max() * 1.15)) + 4
        lay_over(canvas, layout.places[members], _draw_nuclei(rng, size, looks[:, members], chromatin))


def _draw_nuclei(rng: np.random.Generator, size: int, looks: np.ndarray, chromatin: np.ndarray) -> np.ndarray:
    """Haematoxylin (n, size, size) of nuclei at rest: a membrane, uneven chromatin, one or two nucleoli.

    Args:
        looks: (5, n) of each nucleus: radius, elongation and angle, as for `draw_depth`; from 0 (evenly dark) to 1 (pale
            between membrane and nucleoli); mean optical density.
        chromatin: a field of smooth noise larger than `size` on both sides.
    """
    radius, elongation, angle, open_chromatin, dark = looks
    n = len(radius)
    inside = draw_depth(rng, size, radius, elongation, angle, wobble=0.055)
    texture = draw_windows(rng, chromatin, n, size)
    clumps = np.maximum(texture - np.float32(0.5), 0) * per_figure(rng.uniform(0.15, 0.5, n))
    amount = per_figure(1 - 0.55 * open_chromatin) * (1 + np.float32(0.13) * texture) + clumps
    amount += per_figure(rng.uniform(0.3, 0.9, n) * (0.4 + 0.6 * open_chromatin)) * mark_ridge(inside, 1.5, 1.2)
    spread = per_figure(0.4 * radius / np.sqrt(elongation)) * rng.uniform(-1, 1, (n, 2, 2))
    there = (rng.random((n, 2)) < np.array([0.75, 0.3])) * rng.uniform(0.09, 0.17, (n, 2)) * radius[:, None]
    nucleoli = np.minimum(sum_blobs(spread, there, size), 1)
    amount += per_figure(rng.uniform(0.3, 1.1, n) * (0.2 + 0.8 * open_chromatin)) * nucleoli
    return soften(inside, 0.45) * np.maximum(amount, np.float32(0.1)) * per_figure(dark)
