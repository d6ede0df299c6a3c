"""A folder of synthetic slides in the layout of MIDOG++, rendered once per set of settings."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mitofm.ground import fingerprints, seeds
from mitofm.ground.errors import MitofmError, unknown
from mitofm.ground.files import guarding, write_json
from mitofm.ground.locks import lock
from mitofm.synthesis.domains import DOMAINS, SCANNERS

MPP = 0.25  # micrometre per px of every region
MARKER = "settings.json"
ANNOTATIONS = "MIDOG.json"
CATEGORIES = {1: "mitotic figure", 2: "look-alike"}
_BOX, _TILE = 50, 256  # px
VERSION = 4  # raised whenever equal settings give other pixels

Entry = dict[str, Any]


@dataclass(frozen=True)
class TissueSettings:
    """What to render. MitofmError if a domain does not exist, or no tissue can have these numbers."""

    domains: Sequence[str] = tuple(DOMAINS)
    slides_per_domain: int = 8
    cells_per_slide: int = 40
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "domains", tuple(self.domains))
        for domain in self.domains:
            if domain not in DOMAINS:
                raise unknown("domain", domain, DOMAINS, "synthetic tissue")
        if not self.domains or len(set(self.domains)) < len(self.domains):
            raise MitofmError(f"synthetic tissue needs at least one domain and each once, not {list(self.domains)}")
        if self.slides_per_domain < 1 or self.cells_per_slide < 2:
            raise MitofmError(
                "synthetic tissue needs slides_per_domain >= 1 and cells_per_slide >= 2 (one of each class), not "
                f"{self.slides_per_domain} and {self.cells_per_slide}"
            )


def locate(root: Path, settings: TissueSettings) -> Path:
    """Where `generate` puts the tissue of `settings` under `root`."""
    return root / fingerprints.of({"version": VERSION, **asdict(settings)})[:12]


def is_complete(place: Path) -> bool:
    """Whether `place` holds all that was to be rendered: its marker is written last."""
    return (place / MARKER).is_file()


def generate(root: Path, settings: TissueSettings) -> Path:
    """Render the tissue of `settings` into its folder under `root`, unless it is complete there; return that folder.

    `MIDOG.json` lists images (with domain, species, scanner and slide), the annotated cells (boxes of 50 px as corner
    pairs, and what each cell is) and the two categories. Images are tiled JPEG in TIFF, named relative to the folder. Of
    two processes one renders and the other waits.
    """
    place = locate(root, settings)
    if not is_complete(place):
        with lock(place.with_name(f"{place.name}.lock")) as held, guarding(place, held.require):
            if not is_complete(place):
                shutil.rmtree(place, ignore_errors=True)
                _render(place, settings)
    return place


def _render(place: Path, settings: TissueSettings) -> None:
    from rich.progress import track

    (place / "images").mkdir(parents=True)
    slides = [(domain, number) for domain in settings.domains for number in range(settings.slides_per_domain)]
    images: list[Entry] = []
    annotations: list[Entry] = []
    for domain, number in track(slides, "rendering tissue", transient=True):
        image, cells = _render_slide(place, settings, domain, number)
        images.append({"id": len(images) + 1} | image)
        for cell in cells:
            annotations.append({"id": len(annotations) + 1, "image_id": len(images)} | cell)
    content = {
        "info": {"description": "Synthetic tissue, rendered by mitofm.synthesis. No patient, no animal, no scanner."},
        "images": images,
        "annotations": annotations,
        "categories": [{"id": number, "name": name} for number, name in CATEGORIES.items()],
    }
    write_json(place / ANNOTATIONS, content)
    write_json(place / MARKER, asdict(settings))


def _render_slide(place: Path, settings: TissueSettings, domain: str, number: int) -> tuple[Entry, list[Entry]]:
    """Render one slide from its own random stream, so that more slides leave it as it is: its image and its cells."""
    import tifffile

    from mitofm.synthesis import tissue

    look = DOMAINS[domain]
    scanner = look.scanners[number % len(look.scanners)]
    rng = seeds.stream(settings.seed, "synthesis", domain, number)
    # Prevalence differs from slide to slide, as it does in tumors.
    share = float(min(max(look.mitotic_share * rng.uniform(0.6, 1.4), 0.05), 0.95))
    region = tissue.render(rng, look, SCANNERS[scanner], settings.cells_per_slide, share)
    name = f"{domain.replace(' ', '_')}_{number:02d}"
    tifffile.imwrite(  # as scanners' files are converted: tiles of JPEG
        place / f"images/{name}.tif", region.image, photometric="rgb", tile=(_TILE, _TILE), compression="jpeg",
        subsampling=(2, 2), compressionargs={"level": SCANNERS[scanner].quality},
        resolution=(1e4 / MPP, 1e4 / MPP), resolutionunit="CENTIMETER",
    )  # fmt: skip
    image = {
        "file_name": f"images/{name}.tif",
        "width": region.image.shape[1],
        "height": region.image.shape[0],
        "tumor_type": domain,
        "species": look.species,
        "scanner": scanner,
        "slide": name,
    }
    cells = [
        {
            "category_id": 1 if label else 2,
            "bbox": [int(x) - _BOX // 2, int(y) - _BOX // 2, int(x) + _BOX // 2, int(y) + _BOX // 2],
            "kind": str(kind),
        }
        for (x, y), label, kind in zip(region.centres, region.labels, region.kinds, strict=True)
    ]
    return image, cells
