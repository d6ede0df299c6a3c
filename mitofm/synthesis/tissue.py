"""One region: connective tissue and nests of tumor cells, with annotated cells among them, stained and scanned."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from mitofm.synthesis import figures, nuclei, stain
from mitofm.synthesis.domains import Domain, Scanner

PITCH = (
    80  # px: side of the square that an annotated cell has to itself, so that a 64 px crop never holds another's centre
)
_JITTER = 8
_FIGURE = 72  # px: side of the square in which an annotated cell is drawn
_MELANIN = (0.50, 0.58, 0.64)


@dataclass(frozen=True)
class Region:
    """A scanned region and its annotated cells."""

    image: np.ndarray
    """(side, side, 3) uint8 RGB, 0.25 micrometre per px."""
    centres: np.ndarray
    """(n, 2) x and y of each annotated cell, px."""
    labels: np.ndarray
    """(n,) 1 = mitotic figure, 0 = look-alike."""
    kinds: np.ndarray
    """(n,) what each cell is, in words."""


def render(rng: np.random.Generator, domain: Domain, scanner: Scanner, cells: int, mitotic_share: float) -> Region:
    """Draw a region of `cells` annotated cells, about `mitotic_share` of them mitotic (one of each class at least)."""
    domain, scanner = _of_this_slide(rng, domain, scanner)
    slots = int(np.ceil(np.sqrt(1.5 * cells)))
    side = slots * PITCH
    chromatin = nuclei.noise(rng, (384, 384), 3.0)

    chosen = rng.choice(slots**2, cells, replace=False)
    centres = np.stack([chosen % slots, chosen // slots], axis=1) * PITCH + PITCH // 2
    centres = centres + rng.integers(-_JITTER, _JITTER + 1, centres.shape)
    positives = int(np.clip(rng.binomial(cells, mitotic_share), 1, cells - 1))
    labels = rng.permutation(np.arange(cells) < positives).astype(int)

    stroma = _patches(nuclei.noise(rng, (side, side), 150.0), domain.stroma, 0.15)
    gaps = _patches(
        nuclei.noise(rng, (side, side), 60.0) + 0.4 * nuclei.noise(rng, (side, side), 14.0), domain.gaps, 0.05
    )
    resting = _places(rng, domain, side, centres, stroma, gaps)
    haematoxylin = np.maximum(_resting_nuclei(rng, domain, side, resting, stroma, chromatin), 0.06 * (1 - gaps))
    eosin = _ground(rng, domain, side, np.concatenate([resting, centres]), stroma) * (1 - 0.92 * gaps)

    drawn = [
        f(rng, int((labels == label).sum()), _FIGURE, domain.radius, chromatin)
        for label, f in ((1, figures.mitotic), (0, figures.look_alike))
    ]
    kinds = np.empty(cells, dtype=object)
    for label, group in zip((1, 0), drawn, strict=True):
        members = np.flatnonzero(labels == label)
        kinds[members] = group.kind
        for place, chromosomes, body, pink in zip(
            centres[members], group.chromatin, group.body, group.eosin, strict=True
        ):
            here, part = _overlap(place, _FIGURE, side)
            haematoxylin[here] = haematoxylin[here] * (1 - body[part]) + chromosomes[part]
            own = 0.32 * pink * (0.9 + 0.1 * nuclei.noise(rng, (_FIGURE, _FIGURE), 3.0))
            eosin[here] += body[part] * (own[part] - eosin[here])

    pigment = _melanin(rng, domain, side, resting)
    return Region(_scanned(rng, domain, scanner, haematoxylin, eosin, pigment), centres, labels, kinds)


def _of_this_slide(rng: np.random.Generator, domain: Domain, scanner: Scanner) -> tuple[Domain, Scanner]:
    """The domain and scanner as they were on one day: slides of one domain differ slightly."""
    shifted = [
        tuple(stain.unit(np.add(vector, rng.normal(0, 0.025, 3)))) for vector in (domain.haematoxylin, domain.eosin)
    ]
    return (
        replace(
            domain,
            haematoxylin=shifted[0],
            eosin=shifted[1],
            strength=(domain.strength[0] * rng.uniform(0.85, 1.15), domain.strength[1] * rng.uniform(0.85, 1.15)),
            radius=domain.radius * rng.uniform(0.93, 1.07),
        ),
        replace(scanner, blur=scanner.blur * rng.uniform(0.9, 1.25), noise=scanner.noise * rng.uniform(0.8, 1.2)),
    )


def _patches(field: np.ndarray, share: float, width: float) -> np.ndarray:
    """A soft mask in 0..1 over the `share` of the area where `field` is highest."""
    return nuclei.soft(field - np.quantile(field, 1 - share), width).astype(np.float32)


def _places(
    rng: np.random.Generator, domain: Domain, side: int, centres: np.ndarray, stroma: np.ndarray, gaps: np.ndarray
) -> np.ndarray:
    """Centres (n, 2) of the resting nuclei: a disturbed hexagonal grid, thin in stroma, none near annotated cells."""
    step = domain.spacing
    rows, columns = (np.arange(0, side + step, length) for length in (step * np.sqrt(0.75), step))
    x, y = np.meshgrid(columns, rows)
    x[1::2] += step / 2
    places = np.stack([x.ravel(), y.ravel()], axis=1) + rng.normal(0, 0.14 * step, (x.size, 2))
    places = places[((places >= 0) & (places < side)).all(axis=1)]
    at = tuple(places[:, ::-1].astype(int).T)
    kept = (rng.random(len(places)) > 0.55 * stroma[at]) & (gaps[at] < 0.3)
    apart = np.linalg.norm(places[:, None] - centres[None], axis=2).min(axis=1)
    return places[kept & (apart > 1.95 * domain.radius)]


def _resting_nuclei(
    rng: np.random.Generator, domain: Domain, side: int, places: np.ndarray, stroma: np.ndarray, chromatin: np.ndarray
) -> np.ndarray:
    """Haematoxylin (side, side) of the resting nuclei, those of connective tissue thin and aligned."""
    n = len(places)
    thin = stroma[tuple(places[:, ::-1].astype(int).T)] > 0.5
    radius = domain.radius * np.where(thin, 0.6, 1.0) * rng.normal(1, domain.variation, n).clip(0.6, 1.6)
    elongation = np.where(thin, rng.uniform(2, 4, n), domain.elongation * rng.normal(1, 0.12, n).clip(0.8, 1.4)).clip(
        1, 4
    )
    flow = rng.uniform(0, np.pi)
    loose = np.where(thin, 0.25, 2.0 / domain.elongation**2)
    angle = flow + loose * rng.standard_normal(n)
    size = 2 * int(np.ceil((radius * np.sqrt(elongation)).max() * 1.15)) + 4
    drawn = nuclei.interphase(rng, size, radius, elongation, angle, chromatin)
    amount = np.zeros((side, side), np.float32)
    for place, nucleus in zip(places, drawn, strict=True):
        here, part = _overlap(place, size, side)
        np.maximum(amount[here], nucleus[part], out=amount[here])
    return amount


def _ground(rng: np.random.Generator, domain: Domain, side: int, places: np.ndarray, stroma: np.ndarray) -> np.ndarray:
    """Eosin (side, side): cytoplasm that thins towards the borders of the cells, and fibres in connective tissue."""
    seeds = np.full((side, side), 255, np.uint8)
    seeds[tuple(places[:, ::-1].astype(int).T)] = 0
    far = cv2.distanceTransform(seeds, cv2.DIST_L2, cv2.DIST_MASK_5) / (0.62 * domain.spacing)
    grain = nuclei.noise(rng, (side, side), 3.0) + 0.7 * nuclei.noise(rng, (side, side), 9.0)
    cytoplasm = 0.33 * (1 - 0.55 * nuclei.soft(far - 1, 0.08)) * (1 + 0.16 * grain)
    bent = 40 * nuclei.noise(rng, (side, side), 200.0)
    y, x = np.mgrid[:side, :side].astype(np.float32)
    threads = nuclei.noise(rng, (2 * side, side), 3.5)
    fibres = cv2.remap(threads, x * 0.12, (y + bent) % (2 * side - 1), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    collagen = 0.36 * (1 + 0.3 * fibres)
    return np.maximum(cytoplasm * (1 - stroma) + collagen * stroma, 0.02).astype(np.float32)


def _melanin(rng: np.random.Generator, domain: Domain, side: int, places: np.ndarray) -> np.ndarray:
    """Pigment (side, side): granules around the nuclei of some cells."""
    carriers = places[rng.random(len(places)) < domain.pigment]
    granules = np.repeat(carriers, 25, axis=0) + rng.normal(0, 0.75 * domain.radius, (25 * len(carriers), 2))
    granules = granules[((granules >= 0) & (granules < side)).all(axis=1)]
    amount = np.zeros((side, side), np.float32)
    np.add.at(amount, tuple(granules[:, ::-1].astype(int).T), 6.0)
    return np.minimum(cv2.GaussianBlur(amount, (0, 0), 1.3), 1.2)


def _scanned(
    rng: np.random.Generator,
    domain: Domain,
    scanner: Scanner,
    haematoxylin: np.ndarray,
    eosin: np.ndarray,
    pigment: np.ndarray,
) -> np.ndarray:
    """Stain the amounts, blur by the optics, add the sensor's noise."""
    amounts = np.stack([haematoxylin * domain.strength[0], eosin * domain.strength[1], pigment], axis=-1)
    vectors = stain.unit(np.array([domain.haematoxylin, domain.eosin, _MELANIN]))
    light = cv2.GaussianBlur(stain.transmitted(amounts, vectors, np.array(scanner.white)), (0, 0), scanner.blur)
    noisy = light + scanner.noise * rng.standard_normal(light.shape, np.float32)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def _overlap(place: np.ndarray, size: int, side: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Where a square of `size` px centred at `place` (x, y) lies in a region, and which part of the square that is."""
    x, y = (round(float(value)) - size // 2 for value in place)
    spans = [(max(start, 0), min(start + size, side), start) for start in (y, x)]
    here, part = (
        tuple(slice(low - shift * start, high - shift * start) for low, high, start in spans) for shift in (0, 1)
    )
    return (here[0], here[1]), (part[0], part[1])
