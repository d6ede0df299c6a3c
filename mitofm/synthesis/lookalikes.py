"""Look-alikes of mitotic figures, as dark and as large: dying, dense, tangentially cut or inflammatory nuclei, or none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mitofm.synthesis.domains import Domain
from mitofm.synthesis.figures import BLURRED, SIZE, Figures, blur, draw_areas, draw_darkness
from mitofm.synthesis.shapes import draw_depth, draw_windows, mark_ridge, per_figure, soften, sum_blobs

_BALLS = 7


@dataclass(frozen=True)
class LookAlike:
    """One kind of look-alike; pairs are the ranges that each cell draws from."""

    frequency: float
    area: float  # of its dark chromatin, relative to other figures
    elongation: tuple[float, float]
    edge: tuple[float, float]  # width of its border, px
    uneven: tuple[float, float]  # contrast of its chromatin
    frayed: tuple[float, float]  # roughness of the border, px
    wobble: tuple[float, float]  # irregularity of the outline
    membrane: float = 0.0
    balls: tuple[int, int] = (0, 0)  # how many round fragments it is broken into; none: it is whole
    pigment: bool = False


LOOK_ALIKES = {
    "pyknotic": LookAlike(0.18, 0.85, (1.0, 2.6), (0.4, 1.0), (0.0, 0.12), (0.0, 1.3), (0.02, 0.12)),
    "apoptotic": LookAlike(0.16, 0.80, (1.0, 1.3), (0.4, 0.8), (0.0, 0.10), (0.0, 0.3), (0.02, 0.06), balls=(2, 7)),
    "hyperchromatic": LookAlike(0.26, 1.15, (1.1, 2.3), (0.4, 0.9), (0.12, 0.30), (0.1, 1.4), (0.04, 0.13), 0.3),
    "tangentially cut": LookAlike(0.16, 0.95, (1.1, 2.4), (1.6, 3.2), (0.05, 0.22), (0.0, 0.8), (0.04, 0.12)),
    "lymphocyte": LookAlike(0.10, 0.95, (1.0, 1.15), (0.5, 0.8), (0.18, 0.32), (0.0, 0.3), (0.01, 0.04), 0.15),
    "pigment": LookAlike(0.03, 0.90, (1.0, 1.6), (0.5, 1.0), (0.1, 0.3), (0.3, 1.0), (0.05, 0.15), 0, (5, 7), True),
    "debris": LookAlike(0.11, 0.95, (1.0, 2.6), (0.6, 1.6), (0.05, 0.25), (0.3, 1.2), (0.10, 0.22)),
}
"""Debris is what lies above or below the plane of focus. Pigment is commoner in tumors that make it."""


def draw_look_alikes(
    rng: np.random.Generator, scale: np.ndarray, angle: np.ndarray, chromatin: np.ndarray, domain: Domain
) -> Figures:
    """Draw a look-alike for each cell; the arguments are those of `mitoses.draw_mitoses`."""
    n = len(scale)
    often = np.array([look.frequency + look.pigment * domain.pigment for look in LOOK_ALIKES.values()])
    kind = rng.choice(list(LOOK_ALIKES), n, p=often / often.sum())
    looks = [LOOK_ALIKES[name] for name in kind]

    def draw(quantity: str) -> np.ndarray:
        low, high = np.array([getattr(look, quantity) for look in looks], float).reshape(n, 2).T
        return rng.uniform(low, high)

    area = draw_areas(rng, n, domain.radius) * np.array([look.area for look in looks])
    inside = draw_depth(rng, SIZE, np.sqrt(area / np.pi), draw("elongation"), angle, draw("wobble"))
    inside += per_figure(draw("frayed")) * draw_windows(rng, chromatin, n, SIZE) * mark_ridge(inside, 0.0, 4.0)
    whole = soften(inside, per_figure(draw("edge")))
    balls = draw("balls").round().astype(int)
    shape = np.where(per_figure(balls) > 0, _break(rng, scale, area, balls), whole)
    dark = per_figure(draw_darkness(rng, n)) * (1 + per_figure(draw("uneven")) * draw_windows(rng, chromatin, n, SIZE))
    dark += per_figure(np.array([look.membrane for look in looks])) * mark_ridge(inside, 1.2, 1.1)
    drawn = shape * dark
    blurred = rng.random(n) < BLURRED * (1 - LOOK_ALIKES["debris"].frequency / BLURRED) / (1 - often[-1] / often.sum())
    blur(rng, drawn, blurred | (kind == "debris"))
    return Figures(kind, drawn, np.array([look.pigment for look in looks]))


def _break(rng: np.random.Generator, scale: np.ndarray, area: np.ndarray, balls: np.ndarray) -> np.ndarray:
    """Nuclei in `balls` (n,) round fragments of `area` px² together: (n, SIZE, SIZE) in 0..1."""
    n = len(scale)
    share = rng.uniform(0.15, 1, (n, _BALLS)) * (np.arange(_BALLS) < balls[:, None])
    share /= np.maximum(share.sum(axis=1, keepdims=True), 1e-6)
    sizes = np.sqrt(area[:, None] * share / np.pi) / np.sqrt(2 * np.log(2))  # half of its height at this radius
    places = scale[:, None, None] * rng.uniform(-0.75, 0.75, (n, _BALLS, 2))
    return soften(sum_blobs(places, sizes, SIZE) - np.float32(0.5), 0.07)
