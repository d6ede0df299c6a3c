"""One region: connective tissue and nests of tumor cells, with annotated cells among them, stained and scanned."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mitofm.synthesis import figures, nuclei, scanning
from mitofm.synthesis.domains import Domain, Scanner, vary
from mitofm.synthesis.layout import CONNECTIVE, EOSINOPHIL, Layout, draw_layout
from mitofm.synthesis.lookalikes import draw_look_alikes
from mitofm.synthesis.mitoses import PHASES, draw_mitoses
from mitofm.synthesis.shapes import (
    draw_depth,
    draw_noise,
    draw_windows,
    lay_over,
    mark_ridge,
    overlap,
    per_figure,
    soften,
)

PITCH = 80  # side of the square that an annotated cell has to itself, px: no 64 px crop holds another's centre
_JITTER = 8
_CYTOPLASM = 0.34  # eosin, optical density
_RED_CELL = 26  # px: side of the square in which a red cell is drawn


@dataclass(frozen=True)
class Region:
    """A scanned region and its annotated cells."""

    image: np.ndarray  # (side, side, 3) uint8 RGB, 0.25 micrometre per px
    centres: np.ndarray  # (n, 2) x and y of each annotated cell, px
    labels: np.ndarray  # (n,) 1 = mitotic figure, 0 = look-alike
    kinds: np.ndarray  # (n,) what each cell is, in words


def compute_side(cells: int) -> int:
    """Px along each border of a region of that many annotated cells."""
    return int(np.ceil(np.sqrt(1.5 * cells))) * PITCH


def render(rng: np.random.Generator, domain: Domain, scanner: Scanner, cells: int, mitotic_share: float) -> Region:
    """Draw a region of `cells` annotated cells, about `mitotic_share` of them mitotic (one of each class at least)."""
    domain, scanner = vary(rng, domain, scanner)
    side = compute_side(cells)
    slots = side // PITCH
    chromatin = draw_noise(rng, (320, 320), 3.0)

    chosen = rng.choice(slots**2, cells, replace=False)
    centres = np.stack([chosen % slots, chosen // slots], axis=1) * PITCH + PITCH // 2
    centres = centres + rng.integers(-_JITTER, _JITTER + 1, centres.shape)
    positives = int(np.clip(rng.binomial(cells, mitotic_share), 1, cells - 1))
    labels = rng.permutation(np.arange(cells) < positives).astype(int)

    layout = draw_layout(rng, domain, side, centres)
    absorbed = np.zeros((len(scanning.ABSORBERS), side, side), np.float32)
    haematoxylin, eosin, melanin, blood = absorbed
    haematoxylin[:], eosin[:] = _draw_ground(rng, domain, side, layout)
    nuclei.paint(rng, haematoxylin, domain, layout, chromatin)
    np.maximum(eosin, np.float32(0.5) * np.minimum(haematoxylin, np.float32(0.45)), out=eosin)  # protein of the nuclei
    _draw_red_cells(rng, blood, layout)
    kinds = _draw_annotated(rng, absorbed, domain, centres, labels, chromatin)
    _draw_pigment(rng, melanin, domain, np.concatenate([layout.places[layout.kinds != CONNECTIVE], centres]))
    return Region(scanning.scan(rng, domain, scanner, absorbed), centres, labels, kinds)


def _draw_ground(rng: np.random.Generator, domain: Domain, side: int, layout: Layout) -> tuple[np.ndarray, np.ndarray]:
    """Haematoxylin and eosin (side, side) between the nuclei: cytoplasm in its cells, fibres in connective tissue."""
    n = int(layout.owner.max()) + 1
    own = rng.normal(1, 0.14, n).astype(np.float32).clip(0.5, 1.5)
    own[: len(layout.kinds)][layout.kinds == EOSINOPHIL] *= 2.3
    grain = draw_noise(rng, (side, side), 3.6)
    net = np.abs(draw_noise(rng, (side, side), 6.5))  # threads around vacuoles
    fibres = _draw_fibres(rng, side, layout)
    cytoplasm = own[layout.owner] * (1.12 - 0.2 * net + 0.09 * grain)
    cytoplasm *= 1 + np.float32(domain.membrane) * 3 * mark_ridge(layout.border, 0.0, 2.2)
    cytoplasm *= 1 + np.float32(0.45 * domain.fibrous) * fibres
    open_here = cv2.resize(draw_noise(rng, (side // 8, side // 8), 6.0), (side, side))
    width = np.float32(domain.cleft) * (0.7 + 0.8 * open_here + 0.2 * grain)
    joined = 0.08 + 0.92 * soften(layout.border - width, 0.7) if domain.cleft else np.float32(1)
    collagen = 1.15 * (1 + 0.35 * fibres) * (0.15 + 0.85 * soften(fibres + 1.15, 0.12)) * (1 + 0.08 * grain)
    solid = 1 - 0.97 * layout.empty
    eosin = _CYTOPLASM * np.maximum(joined * cytoplasm + layout.stroma * (collagen - joined * cytoplasm), 0.03) * solid
    tint = np.float32(domain.basophilia) * (1 + 0.4 * grain) * solid * joined * (1 - 0.7 * layout.stroma)
    return np.maximum(tint, 0), eosin


def _draw_fibres(rng: np.random.Generator, side: int, layout: Layout) -> np.ndarray:
    """Wavy threads along the flow of the region: smooth noise, drawn out (side, side)."""
    span = int(1.5 * side) + 200
    threads = draw_noise(rng, (span, span // 8), 3.2) + 0.6 * draw_noise(rng, (span, span // 8), 9.0)
    down = layout.across - layout.across.min()
    over = (layout.along - layout.along.min()) * np.float32(0.1)
    return cv2.remap(threads, over, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT) / np.float32(1.17)


def _draw_red_cells(rng: np.random.Generator, blood: np.ndarray, layout: Layout) -> None:
    """Red cells: flat discs, paler in the middle."""
    n = len(layout.blood)
    radius, elongation, angle = rng.uniform(8.5, 10.5, n), rng.uniform(1, 1.5, n), rng.uniform(0, np.pi, n)
    inside = draw_depth(rng, _RED_CELL, radius, elongation, angle, 0.05)
    discs = soften(inside, 0.5) * per_figure(rng.uniform(0.4, 0.6, n)) * (0.75 + 0.35 * mark_ridge(inside, 2.5, 3.0))
    lay_over(blood, layout.blood, discs)


def _draw_annotated(
    rng: np.random.Generator,
    absorbed: np.ndarray,
    domain: Domain,
    centres: np.ndarray,
    labels: np.ndarray,
    chromatin: np.ndarray,
) -> np.ndarray:
    """Draw the annotated cells into what is `absorbed`; returns what each of them is, (n,)."""
    n = len(labels)
    haematoxylin, eosin, melanin, blood = absorbed
    scale, angle = figures.draw_scales(rng, n, domain.radius), rng.uniform(0, np.pi, n)
    kinds, pigmented = np.empty(n, dtype=object), np.empty(n, bool)
    drawn = np.empty((n, figures.SIZE, figures.SIZE), np.float32)
    for label, draw in ((1, draw_mitoses), (0, draw_look_alikes)):
        rows = labels == label
        made = draw(rng, scale[rows], angle[rows], chromatin, domain)
        kinds[rows], drawn[rows], pigmented[rows] = made.kind, made.chromatin, made.pigmented
    # Cells that divide are long, and as many of the others, so that a long cell tells nothing.
    is_long = np.where(labels == 1, kinds == "telophase", rng.random(n) < PHASES["telophase"])
    long = np.where(is_long, rng.uniform(1.35, 1.6, n), rng.uniform(1, 1.2, n))
    cover, around = figures.draw_bodies(rng, scale, long, angle + np.pi / 2, chromatin)
    around *= 1 + 0.16 * draw_windows(rng, chromatin, n, figures.SIZE)
    for i, place in enumerate(centres):
        here, part = overlap(place, figures.SIZE, len(eosin))
        left, cytoplasm = 1 - cover[i][part], around[i][part]
        eosin[here] = eosin[here] * left + _CYTOPLASM * 0.9 * cytoplasm
        haematoxylin[here] = haematoxylin[here] * left + domain.basophilia * cytoplasm
        blood[here] *= left
        (melanin if pigmented[i] else haematoxylin)[here] += drawn[i][part]
    return kinds


def _draw_pigment(rng: np.random.Generator, melanin: np.ndarray, domain: Domain, places: np.ndarray) -> None:
    """Granules around the nuclei of some cells, annotated ones of both classes among them."""
    if not domain.pigment:
        return
    carriers = places[rng.random(len(places)) < domain.pigment]
    granules = np.repeat(carriers, 25, axis=0) + rng.normal(0, 0.75 * domain.radius, (25 * len(carriers), 2))
    granules = granules[((granules >= 0) & (granules < len(melanin))).all(axis=1)]
    amount = np.zeros_like(melanin)
    np.add.at(amount, tuple(granules[:, ::-1].astype(int).T), 6.0)
    melanin += np.minimum(cv2.GaussianBlur(amount, (0, 0), 1.3), 1.2)
