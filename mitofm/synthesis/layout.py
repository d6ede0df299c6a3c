"""The architecture of a region: where connective tissue, empty space and blood are, and where each cell lies."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mitofm.synthesis.domains import Domain
from mitofm.synthesis.shapes import draw_noise, soften

TUMOR, CONNECTIVE, LYMPHOCYTE, EOSINOPHIL = range(4)
_COARSE = 4  # px of the region per px of the slow fields


@dataclass(frozen=True)
class Layout:
    """The architecture of one region of `side` px."""

    places: np.ndarray  # (n, 2) x and y of the resting nuclei
    kinds: np.ndarray  # (n,) of each: TUMOR, CONNECTIVE, LYMPHOCYTE or EOSINOPHIL
    angles: np.ndarray  # (n,) the direction of the fibres there, radians
    owner: np.ndarray
    """(side, side) to which cell each pixel belongs: a row of `places`, or beyond them one of the annotated cells."""
    border: np.ndarray  # (side, side) px to the border of that cell
    stroma: np.ndarray  # (side, side) in 0..1, connective tissue
    empty: np.ndarray  # (side, side) in 0..1, clefts, lumina and vessels
    blood: np.ndarray  # (m, 2) x and y of the red cells
    across: np.ndarray  # (side, side) px across the fibres: a line of equal values is a fibre
    along: np.ndarray  # (side, side) px along them


def draw_layout(rng: np.random.Generator, domain: Domain, side: int, annotated: np.ndarray) -> Layout:
    """Draw the architecture of a region of `side` px around its `annotated` cells, (k, 2) x and y."""
    coarse = (side // _COARSE, side // _COARSE)
    flow, bend = rng.uniform(0, np.pi), draw_noise(rng, coarse, 160 / _COARSE)
    rows, columns = np.mgrid[: coarse[0], : coarse[1]].astype(np.float32) * _COARSE
    cos, sin = np.float32(np.cos(flow)), np.float32(np.sin(flow))
    across_coarse = rows * cos - columns * sin + 22 * bend
    stroma_coarse = mask_highest(draw_noise(rng, coarse, domain.nests / _COARSE), domain.stroma, 0.12)
    lumina = draw_noise(rng, coarse, 55 / _COARSE) + 0.35 * draw_noise(rng, coarse, 14 / _COARSE)
    empty_coarse = mask_highest(lumina, domain.gaps, 0.05)

    def at(field: np.ndarray, places: np.ndarray) -> np.ndarray:
        return field[tuple(np.minimum(places[:, ::-1].astype(int) // _COARSE, coarse[0] - 1).T)]

    places = _scatter(rng, domain.spacing, side)
    apart = np.sqrt(np.square(places[:, None] - annotated[None]).sum(axis=2).min(axis=1))
    kept = (apart > 2.2 * domain.radius) & (at(empty_coarse, places) < 0.3)
    kept &= rng.random(len(kept)) > 0.4 * at(stroma_coarse, places)
    places = places[kept]
    in_stroma = at(stroma_coarse, places) > 0.5
    slope_y, slope_x = np.gradient(across_coarse)
    angles = np.arctan2(at(slope_y, places), at(slope_x, places)) + np.pi / 2
    drawn = rng.random(len(places))
    lymphocyte = drawn < domain.lymphocytes * np.where(in_stroma, 2.0, 0.6)
    is_kind = [lymphocyte, drawn > 1 - domain.eosinophils, in_stroma]
    kinds = np.select(is_kind, [LYMPHOCYTE, EOSINOPHIL, CONNECTIVE], TUMOR)
    owner, border = _divide(rng, side, np.concatenate([places, annotated]))
    connective = np.append(in_stroma, at(stroma_coarse, annotated) > 0.9).astype(np.float32)
    full = (side, side)
    blood = _scatter(rng, 17.0, side)
    filled = draw_noise(rng, coarse, 45 / _COARSE)
    blood = blood[(at(empty_coarse, blood) > 0.6) & (at(filled, blood) > np.quantile(filled, 1 - domain.blood))]
    return Layout(
        places=places,
        kinds=kinds,
        angles=angles,
        owner=owner,
        border=border,
        stroma=cv2.blur(connective[owner], (3, 3)),
        empty=cv2.resize(empty_coarse, full, interpolation=cv2.INTER_CUBIC).clip(0, 1),
        blood=blood,
        across=cv2.resize(across_coarse, full),
        along=cv2.resize(columns * cos + rows * sin, full),
    )


def mask_highest(field: np.ndarray, share: float, width: float) -> np.ndarray:
    """A soft mask in 0..1 over the `share` of the area where `field` is highest."""
    return soften(field - np.quantile(field, 1 - share), width)


def _scatter(rng: np.random.Generator, step: float, side: int) -> np.ndarray:
    """Points (n, 2) of a disturbed hexagonal grid over a square of `side` px."""
    rows, columns = (np.arange(0, side + step, length) for length in (step * np.sqrt(0.75), step))
    x, y = np.meshgrid(columns, rows)
    x[1::2] += step / 2
    points = np.stack([x.ravel(), y.ravel()], axis=1) + rng.normal(0, 0.15 * step, (x.size, 2))
    return points[((points >= 0) & (points < side - 1)).all(axis=1)]


def _divide(rng: np.random.Generator, side: int, nuclei: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The nearest nucleus of each pixel, with irregular borders, and the distance to a border (px): (side, side) each."""
    half = side // 2
    seeds = np.full((half, half), 255, np.uint8)
    x, y = np.minimum(nuclei.astype(int) // 2, half - 1).T
    seeds[y, x] = 0
    _, nearest = cv2.distanceTransformWithLabels(seeds, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL)
    rows_of_label = np.zeros(nearest.max() + 1, np.int32)
    rows_of_label[nearest[y, x]] = np.arange(len(nuclei))
    rows, columns = np.mgrid[:half, :half].astype(np.float32)
    wander = [2.2 * draw_noise(rng, (half, half), 9.0) for _ in range(2)]
    owner = cv2.remap(
        rows_of_label[nearest].astype(np.float32), columns + wander[0], rows + wander[1],
        cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    torn = np.zeros((half, half), np.uint8)
    torn[:, 1:] |= owner[:, 1:] != owner[:, :-1]
    torn[1:] |= owner[1:] != owner[:-1]
    border = 2 * cv2.distanceTransform(1 - torn, cv2.DIST_L2, cv2.DIST_MASK_5)
    owner = cv2.resize(owner, (side, side), interpolation=cv2.INTER_NEAREST).astype(np.int32)
    return owner, cv2.resize(border, (side, side))
