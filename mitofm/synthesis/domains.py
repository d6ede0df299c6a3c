"""The tumor domains and scanners of synthetic tissue, as data: what differs between them is the domain shift.

Lengths are pixels at 0.25 micrometre. Stain vectors lie around those of Macenko et al. (ISBI 2009).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scanner:
    """How a slide becomes an image."""

    white: tuple[int, int, int]
    """What an empty place records in red, green and blue."""
    blur: float
    """Standard deviation of the point spread, px."""
    noise: float
    """Standard deviation of the sensor noise, grey values."""


@dataclass(frozen=True)
class Domain:
    """How the tissue of one tumor looks."""

    species: str
    scanners: tuple[str, ...]
    """Its slides take turns on these."""
    haematoxylin: tuple[float, float, float]
    eosin: tuple[float, float, float]
    strength: tuple[float, float]
    """How strongly each of the two stains took."""
    radius: float
    """Typical nuclear radius, px."""
    variation: float
    """Relative standard deviation of nuclear size (pleomorphism)."""
    elongation: float
    """Typical ratio of the axes of a nucleus."""
    spacing: float
    """Typical distance between neighbouring tumor nuclei, px."""
    stroma: float
    """Share of the area that is connective tissue."""
    gaps: float
    """Share of the area that is empty."""
    pigment: float = 0.0
    """Share of the cells that carry melanin."""


SCANNERS = {
    "Scanner A": Scanner(white=(243, 241, 243), blur=0.8, noise=2.0),
    "Scanner B": Scanner(white=(236, 238, 244), blur=1.15, noise=3.0),
    "Scanner C": Scanner(white=(246, 240, 232), blur=0.6, noise=4.0),
}

DOMAINS = {
    "breast carcinoma": Domain(
        species="human",
        scanners=("Scanner A", "Scanner B", "Scanner C"),
        haematoxylin=(0.60, 0.71, 0.37),
        eosin=(0.18, 0.85, 0.42),
        strength=(1.0, 1.0),
        radius=13.0,
        variation=0.16,
        elongation=1.25,
        spacing=37.0,
        stroma=0.3,
        gaps=0.04,
    ),
    "lymphoma": Domain(
        species="canine",
        scanners=("Scanner B",),
        haematoxylin=(0.66, 0.66, 0.36),
        eosin=(0.26, 0.80, 0.54),
        strength=(1.05, 0.8),
        radius=10.0,
        variation=0.10,
        elongation=1.1,
        spacing=26.0,
        stroma=0.05,
        gaps=0.05,
    ),
    "melanoma": Domain(
        species="human",
        scanners=("Scanner C",),
        haematoxylin=(0.52, 0.72, 0.46),
        eosin=(0.14, 0.88, 0.45),
        strength=(0.9, 1.1),
        radius=14.5,
        variation=0.22,
        elongation=1.3,
        spacing=42.0,
        stroma=0.15,
        gaps=0.06,
        pigment=0.12,
    ),
    "neuroendocrine tumor": Domain(
        species="human",
        scanners=("Scanner B",),
        haematoxylin=(0.56, 0.75, 0.34),
        eosin=(0.24, 0.86, 0.36),
        strength=(0.85, 0.85),
        radius=10.5,
        variation=0.08,
        elongation=1.15,
        spacing=32.0,
        stroma=0.25,
        gaps=0.03,
    ),
    "soft tissue sarcoma": Domain(
        species="canine",
        scanners=("Scanner A",),
        haematoxylin=(0.63, 0.68, 0.42),
        eosin=(0.10, 0.90, 0.36),
        strength=(1.15, 1.15),
        radius=11.5,
        variation=0.2,
        elongation=1.9,
        spacing=36.0,
        stroma=0.45,
        gaps=0.05,
    ),
}
