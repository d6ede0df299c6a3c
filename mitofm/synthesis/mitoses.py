"""Mitotic figures by phase: chromatin without a membrane, in ragged clumps, plates and rings, or pairs of plates."""

from __future__ import annotations

import numpy as np

from mitofm.synthesis.domains import Domain
from mitofm.synthesis.figures import BLURRED, SIZE, Figures, blur, draw_areas, draw_darkness
from mitofm.synthesis.shapes import draw_windows, per_figure, soften, sum_blobs

PHASES = {"prometaphase": 0.24, "metaphase": 0.30, "ring": 0.10, "anaphase": 0.14, "telophase": 0.10, "atypical": 0.12}
"""How often each phase is seen. Ring: a metaphase seen from its pole. Atypical: tripolar, bridging or lagging."""
_BLOBS = 22
_SOLID = 0.8  # where the sum of blobs is chromatin
_PREVIEW = 3  # px of the figure per px of the preview that measures its area


def draw_mitoses(
    rng: np.random.Generator, scale: np.ndarray, angle: np.ndarray, chromatin: np.ndarray, domain: Domain
) -> Figures:
    """Draw a mitotic figure for each cell.

    Args:
        scale: (n,) radii of the nuclei that they were, px.
        angle: (n,) direction of the plates, radians.
        chromatin: a field of smooth noise larger than SIZE on both sides; it frays the edges.
    """
    n = len(scale)
    kind = rng.choice(list(PHASES), n, p=list(PHASES.values()))
    along, across, thickness = _arrange(rng, kind)
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    points = scale[:, None, None] * np.stack([along * cos - across * sin, along * sin + across * cos], axis=-1)
    sizes = scale[:, None] * thickness
    preview = sum_blobs(points / _PREVIEW, sizes / _PREVIEW, SIZE // _PREVIEW) > _SOLID
    grow = np.sqrt(draw_areas(rng, n, domain.radius) / (preview.sum(axis=(1, 2)) * _PREVIEW**2 + 1)).clip(0.7, 1.35)
    solid = sum_blobs(points * grow[:, None, None], sizes * grow[:, None], SIZE)
    # Frayed and soft only where there is chromatin: specks or a haze around it would give the figure away.
    ragged = per_figure(rng.uniform(0.2, 0.5, n)) * draw_windows(rng, chromatin, n, SIZE) * np.minimum(solid, 1)
    dark = per_figure(draw_darkness(rng, n))
    dark = dark * (1 + per_figure(rng.uniform(0.03, 0.22, n)) * draw_windows(rng, chromatin, n, SIZE))
    drawn = soften(solid + ragged - _SOLID, per_figure(rng.uniform(0.07, 0.18, n))) * np.minimum(4 * solid, 1) * dark
    blur(rng, drawn, rng.random(n) < BLURRED)
    return Figures(kind, drawn, np.zeros(n, bool))


def _arrange(rng: np.random.Generator, kind: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where chromosomes lie along and across the plate, and how thick they are: (n, blobs) each, in nuclear radii."""
    n, shape = len(kind), (len(kind), _BLOBS)
    spread = np.broadcast_to(np.linspace(-1, 1, _BLOBS), shape)
    side = np.where(np.arange(_BLOBS) % 2 == 0, 1.0, -1.0)
    turn, out = rng.uniform(0, 2 * np.pi, shape), np.sqrt(rng.uniform(0.05, 1, shape)) * rng.uniform(0.5, 0.8, (n, 1))
    around = np.pi * spread + rng.normal(0, 0.12, shape)
    length, bend, apart = rng.uniform(0.7, 1.05, (n, 1)), rng.normal(0, 0.15, (n, 1)), rng.uniform(0.32, 0.5, (n, 1))
    arm = np.where(rng.random(shape) < 0.3, side * rng.uniform(0.1, 0.3, shape), 0)  # chromosome arms leave the plate
    ring, oval = rng.uniform(0.5, 0.65, (n, 1)), rng.uniform(0.75, 1, (n, 1))
    tripolar = np.arange(_BLOBS) % 3 * 2 * np.pi / 3 + rng.normal(0, 0.2, (n, 1))
    outward = 0.85 * np.abs(spread) * length
    lost = np.arange(_BLOBS) < rng.integers(1, 5, (n, 1))  # lagging in the middle, or away from the plate
    strand = np.where(lost, rng.uniform(-0.4, 0.4, shape), side * (apart + 0.1 - 0.15 * spread**2))
    scattered = np.where(lost, rng.uniform(-0.9, 0.9, shape), bend * spread**2 + rng.normal(0, 0.1, shape))
    wrong = rng.integers(0, 3, (n, 1))
    wrong_along = np.choose(wrong, [outward * np.cos(tripolar), 0.6 * spread, spread * length])
    wrong_across = np.choose(wrong, [outward * np.sin(tripolar), strand, scattered])
    forms = {
        "prometaphase": (out * np.cos(turn), out * np.sin(turn), 0.15),
        "metaphase": (spread * length, bend * spread**2 + arm + rng.normal(0, 0.06, shape), 0.13),
        "ring": (ring * np.cos(around), ring * oval * np.sin(around), 0.14),
        "anaphase": (0.7 * spread, side * (apart - 0.2 * spread**2) + 0.4 * side * np.abs(arm), 0.12),
        "telophase": (0.5 * spread, side * (apart + 0.42) + rng.normal(0, 0.04, shape), 0.13),
        "atypical": (wrong_along, wrong_across, 0.14),
    }
    is_kind = [kind[:, None] == name for name in forms]
    along, across, thickness = (
        np.select(is_kind, [np.broadcast_to(form[part], shape) for form in forms.values()]) for part in range(3)
    )
    return along + rng.normal(0, 0.035, shape), across, thickness * rng.uniform(0.8, 1.25, shape)
