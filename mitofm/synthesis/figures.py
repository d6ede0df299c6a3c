"""The annotated cells: mitotic figures and the look-alikes that are mistaken for them.

A mitotic figure is chromatin without a membrane: a dark clump, plate or pair of plates with ragged edges in a rounded
cell. A look-alike is as dark and about as large, but smoother: a shrunken (pyknotic) nucleus, its fragments, a
hyperchromatic, clumped or smudged nucleus, a lymphocyte. No single number (darkness, area) separates the two.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mitofm.synthesis.nuclei import clump, depth, soft, windows

_BLOBS = 14

MITOTIC = {"prometaphase": 0.35, "metaphase": 0.4, "anaphase": 0.15, "telophase": 0.1}
"""How often each phase is seen."""


@dataclass(frozen=True)
class LookAlike:
    """One kind of look-alike; pairs are the ranges that each cell draws from."""

    frequency: float
    radius: tuple[float, float]
    """Of the nucleus, in typical nuclear radii of the tumor."""
    elongation: tuple[float, float]
    edge: tuple[float, float]
    """Width of its border, px."""
    uneven: tuple[float, float]
    """Contrast of its chromatin."""
    body: tuple[float, float]
    """Radius of the cell, in typical nuclear radii."""
    eosin: tuple[float, float]
    """How pink the cell is, relative to its neighbours."""
    frayed: tuple[float, float] = (0.0, 0.6)
    """Roughness of the border, px."""
    membrane: float = 0.0
    fragments: bool = False


LOOK_ALIKES = {
    "pyknotic": LookAlike(0.15, (0.4, 0.8), (1.0, 1.4), (0.4, 0.9), (0.0, 0.10), (0.9, 1.4), (0.6, 1.6)),
    "apoptotic": LookAlike(
        0.10, (0.25, 0.45), (1.0, 1.2), (0.4, 0.8), (0.0, 0.10), (1.0, 1.5), (0.7, 1.7), fragments=True
    ),
    "hyperchromatic": LookAlike(
        0.30, (0.55, 0.85), (1.1, 2.0), (0.4, 0.9), (0.2, 0.45), (1.1, 1.5), (0.7, 1.3), membrane=0.4
    ),
    "clumped": LookAlike(
        0.20, (0.5, 0.75), (1.0, 1.8), (0.5, 1.1), (0.05, 0.25), (1.1, 1.5), (0.7, 1.3), frayed=(0.2, 0.9)
    ),
    "lymphocyte": LookAlike(0.10, (0.5, 0.65), (1.0, 1.1), (0.5, 0.8), (0.2, 0.35), (0.75, 1.0), (0.5, 1.0)),
    "smudged": LookAlike(0.15, (0.4, 0.7), (1.4, 2.6), (0.6, 1.6), (0.05, 0.25), (1.0, 1.6), (0.6, 1.3)),
}


@dataclass(frozen=True)
class Figures:
    """n annotated cells, each in the centre of a square."""

    kind: np.ndarray
    """(n,) what each is: a key of MITOTIC or LOOK_ALIKES."""
    chromatin: np.ndarray
    """(n, size, size) haematoxylin, optical density."""
    body: np.ndarray
    """(n, size, size) in 0..1: where the cell replaces the tissue around it."""
    eosin: np.ndarray
    """(n,) how pink its body is, relative to its neighbours."""


def mitotic(rng: np.random.Generator, n: int, size: int, radius: float, chromatin: np.ndarray) -> Figures:
    """Draw `n` mitotic figures of tumor cells whose nuclei have `radius` px, in squares of `size` px.

    Args:
        chromatin: a field of smooth noise larger than `size` on both sides; it frays the edges.
    """
    kind = rng.choice(list(MITOTIC), n, p=list(MITOTIC.values()))
    scale = _scale(rng, n, radius)
    along, across, thickness = _arranged(rng, kind)
    angle = rng.uniform(0, np.pi, n)
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    points = scale[:, None, None] * np.stack([along * cos - across * sin, along * sin + across * cos], axis=-1)
    solid = clump(points, scale[:, None] * thickness, size)
    # Frayed and soft only where there is chromatin: specks or a haze around it would give the figure away.
    ragged = _each(rng, 0.25, 0.6, n) * windows(rng, chromatin, n, size) * np.minimum(solid, 1)
    near = np.minimum(4 * solid, 1)
    dark = _darkness(rng, n) * (1 + _each(rng, 0.0, 0.25, n) * windows(rng, chromatin, n, size))
    body = depth(
        rng, size, rng.uniform(1.2, 1.5, n) * scale, 1 + 0.3 * (kind == "telophase"), angle + np.pi / 2, wobble=0.05
    )
    return Figures(
        kind=kind,
        chromatin=soft(solid + ragged - 0.8, _each(rng, 0.08, 0.2, n)) * near * dark,
        body=soft(body, 1.0),
        eosin=rng.uniform(0.6, 1.35, n),
    )


def look_alike(rng: np.random.Generator, n: int, size: int, radius: float, chromatin: np.ndarray) -> Figures:
    """Draw `n` look-alikes; the arguments are those of `mitotic`."""
    kind = rng.choice(list(LOOK_ALIKES), n, p=[look.frequency for look in LOOK_ALIKES.values()])
    looks = [LOOK_ALIKES[name] for name in kind]

    def draw(quantity: str) -> np.ndarray:
        low, high = np.array([getattr(look, quantity) for look in looks]).reshape(n, 2).T
        return rng.uniform(low, high)

    scale = _scale(rng, n, radius)
    angle, elongation = rng.uniform(0, np.pi, n), draw("elongation")
    inside = depth(rng, size, draw("radius") * scale, elongation, angle, wobble=rng.uniform(0.02, 0.09, n))
    inside = inside + draw("frayed")[:, None, None] * windows(rng, chromatin, n, size) * np.exp(-((inside / 4) ** 2))
    border = np.array([look.membrane for look in looks])[:, None, None] * np.exp(-(((inside - 1.2) / 1.1) ** 2))
    dark = _darkness(rng, n) * (1 + draw("uneven")[:, None, None] * windows(rng, chromatin, n, size)) + border
    balls = np.array([look.fragments for look in looks])[:, None] * scale[:, None] * rng.uniform(0.08, 0.2, (n, 4))
    places = scale[:, None, None] * rng.uniform(-0.75, 0.75, (n, 4, 2))
    fragments = soft(clump(places, balls, size) - 0.5, 0.08)
    body = depth(rng, size, draw("body") * scale, np.sqrt(elongation), angle, wobble=0.06)
    return Figures(
        kind=kind,
        chromatin=np.maximum(soft(inside, draw("edge")[:, None, None]), fragments) * dark,
        body=soft(body, 1.0),
        eosin=draw("eosin"),
    )


def _arranged(rng: np.random.Generator, kind: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where chromosomes lie along and across the plate, and how thick they are: (n, blobs) each, in nuclear radii."""
    n, shape = len(kind), (len(kind), _BLOBS)
    spread = np.broadcast_to(np.linspace(-1, 1, _BLOBS), shape)
    side = np.where(np.arange(_BLOBS) % 2 == 0, 1.0, -1.0)
    turn, out = rng.uniform(0, 2 * np.pi, shape), np.sqrt(rng.uniform(0.05, 1, shape)) * rng.uniform(0.4, 0.75, (n, 1))
    length, bend, apart = rng.uniform(0.5, 1.0, (n, 1)), rng.normal(0, 0.15, (n, 1)), rng.uniform(0.35, 0.6, (n, 1))
    forms = {
        "prometaphase": (out * np.cos(turn), out * np.sin(turn), 0.17),
        "metaphase": (spread * length, bend * spread**2 + rng.normal(0, 0.09, shape), 0.17),
        "anaphase": (0.7 * spread, side * (apart - 0.2 * spread**2) + rng.normal(0, 0.05, shape), 0.15),
        "telophase": (0.55 * spread, side * (apart + 0.5) + rng.normal(0, 0.05, shape), 0.16),
    }
    is_kind = [kind[:, None] == name for name in forms]
    along, across, thickness = (
        np.select(is_kind, [np.broadcast_to(form[part], shape) for form in forms.values()]) for part in range(3)
    )
    return along + rng.normal(0, 0.04, shape), across, thickness * rng.uniform(0.85, 1.25, shape)


def _scale(rng: np.random.Generator, n: int, radius: float) -> np.ndarray:
    """(n,) nuclear radii, px."""
    return radius * rng.normal(1, 0.12, n).clip(0.7, 1.4)


def _darkness(rng: np.random.Generator, n: int) -> np.ndarray:
    """Haematoxylin of condensed chromatin, (n, 1, 1): the same for both classes."""
    return rng.normal(0.95, 0.18, n).clip(0.5, 1.4)[:, None, None]


def _each(rng: np.random.Generator, low: float, high: float, n: int) -> np.ndarray:
    """One number for each figure, (n, 1, 1)."""
    return rng.uniform(low, high, (n, 1, 1))
