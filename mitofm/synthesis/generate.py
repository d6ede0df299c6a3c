"""A folder of synthetic slides: rendered once per set of settings, whole or marked as absent."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from mitofm import fingerprints, seeds
from mitofm.errors import MitofmError, unknown
from mitofm.files import write_json
from mitofm.locks import lock
from mitofm.synthesis.domains import DOMAINS, SCANNERS

MPP = 0.25
"""Micrometre per px of every region."""
MARKER = "settings.json"
ANNOTATIONS = "annotations.csv"
_VERSION = 3  # raised whenever equal settings give other pixels


@dataclass(frozen=True)
class TissueSettings:
    """What to render.

    Raises:
        MitofmError: a domain that does not exist, or numbers that no tissue can have.
    """

    domains: Sequence[str] = tuple(DOMAINS)
    slides_per_domain: int = 8
    cells_per_slide: int = 40
    mitotic_share: float = 0.45
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "domains", tuple(self.domains))
        for domain in self.domains:
            if domain not in DOMAINS:
                raise unknown("domain", domain, DOMAINS, "synthetic tissue")
        if not self.domains or len(set(self.domains)) < len(self.domains):
            raise MitofmError(f"synthetic tissue needs at least one domain and each once, not {list(self.domains)}")
        if self.slides_per_domain < 1 or self.cells_per_slide < 2 or not 0 < self.mitotic_share < 1:
            raise MitofmError(
                "synthetic tissue needs slides_per_domain >= 1, cells_per_slide >= 2 (one of each class) and "
                f"0 < mitotic_share < 1, not {self.slides_per_domain}, {self.cells_per_slide} and {self.mitotic_share}"
            )


def folder(root: Path, settings: TissueSettings) -> Path:
    """Where `generate` puts the tissue of `settings` under `root`."""
    return root / fingerprints.of({"version": _VERSION, **asdict(settings)})[:12]


def complete(place: Path) -> bool:
    """Whether `place` holds all that was to be rendered: its marker is written last."""
    return (place / MARKER).is_file()


def generate(root: Path, settings: TissueSettings) -> Path:
    """Render the tissue of `settings` into its folder under `root`, unless it is complete there; return that folder.

    `annotations.csv` has a row per cell (`Cell`); images are named relative to the folder. Of two processes one renders
    and the other waits.
    """
    place = folder(root, settings)
    if complete(place):
        return place
    with lock(place.with_name(f"{place.name}.lock")):
        if not complete(place):
            shutil.rmtree(place, ignore_errors=True)
            _render(place, settings)
    return place


def _render(place: Path, settings: TissueSettings) -> None:
    from rich.progress import track

    (place / "images").mkdir(parents=True)
    slides = [(domain, number) for domain in settings.domains for number in range(settings.slides_per_domain)]
    with (place / ANNOTATIONS).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Cell)])
        writer.writeheader()
        for domain, number in track(slides, "rendering tissue", transient=True):
            writer.writerows(asdict(cell) for cell in _slide(place, settings, domain, number))
    write_json(place / MARKER, asdict(settings))


@dataclass(frozen=True)
class Cell:
    """A row of `annotations.csv`."""

    sample_id: str
    image: str
    x: int
    y: int
    label: int
    kind: str
    slide: str
    domain: str
    species: str
    scanner: str
    mpp: float


def _slide(place: Path, settings: TissueSettings, domain: str, number: int) -> list[Cell]:
    """Render one slide from its own random stream, so that more slides leave it as it is."""
    from PIL import Image

    from mitofm.synthesis import tissue

    look = DOMAINS[domain]
    scanner = look.scanners[number % len(look.scanners)]
    rng = seeds.stream(settings.seed, "synthesis", domain, number)
    # Prevalence differs from slide to slide, as it does in tumors.
    share = float(min(max(settings.mitotic_share * rng.uniform(0.6, 1.4), 0.05), 0.95))
    region = tissue.render(rng, look, SCANNERS[scanner], settings.cells_per_slide, share)
    name = f"{domain.replace(' ', '_')}_{number:02d}"
    image = f"images/{name}.png"
    Image.fromarray(region.image).save(place / image, compress_level=1)
    return [
        Cell(f"{name}_{i:03d}", image, int(x), int(y), int(label), str(kind), name, domain, look.species, scanner, MPP)
        for i, ((x, y), label, kind) in enumerate(zip(region.centres, region.labels, region.kinds, strict=True))
    ]
