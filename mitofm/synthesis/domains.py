"""The tumor domains and scanners of synthetic tissue, as data: what differs between them is the domain shift.

Names, species and the share of mitotic figures are those of MIDOG++ (Aubreville et al. 2023, Scientific Data 10:484);
all else is drawn after the look of such tumors. Lengths are pixels at 0.25 micrometre. Stain vectors lie around those of
Macenko et al. (ISBI 2009).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Scanner:
    """How a slide becomes an image."""

    white: tuple[int, int, int]  # what an empty place records in red, green and blue
    blur: float  # standard deviation of the point spread, px
    noise: float  # standard deviation of the sensor noise, grey values
    gamma: float  # exponent of its tone curve
    quality: int  # of its JPEG tiles


@dataclass(frozen=True)
class Domain:
    """How the tissue of one tumor looks."""

    species: str
    scanners: tuple[str, ...]  # its slides take turns on these
    mitotic_share: float  # share of mitotic figures among the annotated cells
    haematoxylin: tuple[float, float, float]
    eosin: tuple[float, float, float]
    strength: tuple[float, float]  # how strongly each of the two stains took
    radius: float  # typical nuclear radius, px
    variation: float  # relative standard deviation of nuclear size (pleomorphism)
    elongation: float  # typical ratio of the axes of a nucleus
    spacing: float  # typical distance between neighbouring tumor nuclei, px
    nests: float  # width of the nests of tumor cells between connective tissue, px
    stroma: float  # share of the area that is connective tissue
    gaps: float  # share of the area that is empty
    open_chromatin: float = 0.35  # 0: evenly dark nuclei; 1: vesicular nuclei, pale between membrane and nucleoli
    basophilia: float = 0.06  # haematoxylin in the cytoplasm, optical density
    cleft: float = 0.0  # width of the clefts between shrunken cells, px
    membrane: float = 0.0  # how much pinker the border of a cell is than its inside
    fibrous: float = 0.0  # how fibrous the tumor itself is
    blood: float = 0.25  # share of the empty area that is filled with red cells
    lymphocytes: float = 0.06  # share of the resting cells
    eosinophils: float = 0.0  # share of the resting cells
    pigment: float = 0.0  # share of the cells that carry melanin


SCANNERS = {
    "Scanner A": Scanner(white=(240, 236, 236), blur=0.80, noise=2.5, gamma=1.0, quality=80),
    "Scanner B": Scanner(white=(246, 244, 247), blur=0.65, noise=2.0, gamma=0.92, quality=85),
    "Scanner C": Scanner(white=(243, 240, 232), blur=1.05, noise=3.0, gamma=1.08, quality=70),
    "Scanner D": Scanner(white=(248, 246, 250), blur=0.90, noise=1.5, gamma=1.0, quality=80),
}

DOMAINS = {
    "human breast cancer": Domain(
        species="human", scanners=("Scanner A", "Scanner B", "Scanner C"), mitotic_share=1721 / 4435,
        haematoxylin=(0.58, 0.70, 0.42), eosin=(0.13, 0.84, 0.52), strength=(1.0, 1.0),
        radius=15.0, variation=0.17, elongation=1.25, spacing=41.0, nests=150.0, stroma=0.32, gaps=0.05,
        open_chromatin=0.55, membrane=0.12, lymphocytes=0.10,
    ),
    "canine lung cancer": Domain(
        species="canine", scanners=("Scanner D",), mitotic_share=855 / 1806,
        haematoxylin=(0.52, 0.76, 0.38), eosin=(0.10, 0.93, 0.36), strength=(1.1, 1.15),
        radius=16.0, variation=0.15, elongation=1.2, spacing=39.0, nests=110.0, stroma=0.20, gaps=0.14,
        open_chromatin=0.7, membrane=0.22, cleft=1.4, basophilia=0.08, blood=0.35,
    ),
    "canine lymphoma": Domain(
        species="canine", scanners=("Scanner D",), mitotic_share=3959 / 8216,
        haematoxylin=(0.50, 0.78, 0.36), eosin=(0.16, 0.90, 0.38), strength=(1.1, 0.9),
        radius=13.0, variation=0.10, elongation=1.1, spacing=30.0, nests=200.0, stroma=0.03, gaps=0.03,
        open_chromatin=0.45, cleft=2.8, basophilia=0.12, lymphocytes=0.08,
    ),
    "canine cutaneous mast cell tumor": Domain(
        species="canine", scanners=("Scanner C",), mitotic_share=2327 / 3693,
        haematoxylin=(0.63, 0.64, 0.44), eosin=(0.16, 0.76, 0.62), strength=(1.0, 0.75),
        radius=13.5, variation=0.12, elongation=1.1, spacing=38.0, nests=120.0, stroma=0.18, gaps=0.08,
        open_chromatin=0.5, cleft=2.0, basophilia=0.10, lymphocytes=0.02, eosinophils=0.14,
    ),
    "human neuroendocrine tumor": Domain(
        species="human", scanners=("Scanner A",), mitotic_share=639 / 2400,
        haematoxylin=(0.62, 0.70, 0.34), eosin=(0.26, 0.86, 0.38), strength=(1.05, 0.8),
        radius=12.5, variation=0.08, elongation=1.15, spacing=34.0, nests=80.0, stroma=0.24, gaps=0.05,
        open_chromatin=0.2, basophilia=0.08, membrane=0.05,
    ),
    "canine soft tissue sarcoma": Domain(
        species="canine", scanners=("Scanner D",), mitotic_share=1286 / 3661,
        haematoxylin=(0.64, 0.68, 0.33), eosin=(0.20, 0.92, 0.32), strength=(1.1, 0.95),
        radius=14.0, variation=0.20, elongation=2.0, spacing=40.0, nests=170.0, stroma=0.22, gaps=0.05,
        open_chromatin=0.4, fibrous=0.8, lymphocytes=0.03,
    ),
    "human melanoma": Domain(
        species="human", scanners=("Scanner A",), mitotic_share=1150 / 2075,
        haematoxylin=(0.66, 0.66, 0.36), eosin=(0.22, 0.84, 0.48), strength=(0.95, 0.85),
        radius=16.0, variation=0.22, elongation=1.3, spacing=42.0, nests=130.0, stroma=0.14, gaps=0.05,
        open_chromatin=0.8, cleft=1.2, basophilia=0.09, pigment=0.12,
    ),
}  # fmt: skip


SPREAD = {
    "radius": 0.07, "spacing": 0.08, "stroma": 0.5, "gaps": 0.6, "open_chromatin": 0.3, "cleft": 0.5, "pigment": 0.6,
}  # fmt: skip
"""By which share of what is typical of a domain its slides differ, at most."""


def normalize(vector: np.ndarray) -> np.ndarray:
    """`vector` (..., 3) scaled to length 1: an optical density per channel for one unit of stain."""
    return vector / np.linalg.norm(vector, axis=-1, keepdims=True)


def vary(rng: np.random.Generator, domain: Domain, scanner: Scanner) -> tuple[Domain, Scanner]:
    """The domain and the scanner of one slide: stain, tumor and focus differ from slide to slide."""
    haematoxylin, eosin = (normalize(one + rng.normal(0, 0.03, 3)) for one in (domain.haematoxylin, domain.eosin))
    white = np.clip(np.add(scanner.white, rng.normal(0, 2.0, 3)), 220, 253)

    def about(value: float, spread: float) -> float:
        return value * rng.uniform(1 - spread, 1 + spread)

    strength = (about(domain.strength[0], 0.17), about(domain.strength[1], 0.17))
    varied: dict[str, Any] = {name: about(getattr(domain, name), spread) for name, spread in SPREAD.items()}
    varied["stroma"] = min(varied["stroma"], 0.45)
    seen = replace(domain, haematoxylin=tuple(haematoxylin), eosin=tuple(eosin), strength=strength, **varied)
    return seen, replace(scanner, white=tuple(white), blur=about(scanner.blur, 0.15), noise=about(scanner.noise, 0.2))
