"""Unlabelled synthetic tissue, and the crops of it for each step."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from mitofm.ground import below, fingerprints, seeds
from mitofm.ground.files import write_json
from mitofm.ground.resumable import ResumableArray
from mitofm.ground.system_locks import system_lock
from mitofm.pretraining.settings import Tissue
from mitofm.synthesis import tissue
from mitofm.synthesis.domains import DOMAINS, SCANNERS
from mitofm.synthesis.generate import VERSION

_SPOT = 13  # px
_SEAM = 1.5  # px: width of the transition from a view to its surroundings


def render_slides(settings: Tissue, cache: Path) -> np.ndarray:
    """The slides of `settings`, memory-mapped uint8 (n, side, side, 3), rendered into `cache` once.

    An interrupted rendering is continued. The random streams have other names than those of labelled slides, so that no
    slide of `mitofm.synthesis.generate` is among them, whatever the seeds.
    """
    folder = cache / "pretraining" / fingerprints.of({"version": VERSION, **vars(settings)})[:12]
    file, marker = folder / "slides.npy", folder / "settings.json"
    below.check(file).parent.mkdir(parents=True, exist_ok=True)
    with system_lock(below.check(file.with_name(f"{file.name}.lock"))):
        if not marker.is_file():
            _render(file, settings)
            write_json(marker, vars(settings))
    return np.load(below.check(file), mmap_mode="r", allow_pickle=False)


def _render(file: Path, settings: Tissue) -> None:
    from rich.progress import track

    wanted = [(domain, number) for number in range(settings.slides_per_domain) for domain in DOMAINS]
    side = tissue.compute_side(settings.cells_per_slide)
    with ResumableArray(file, (len(wanted), side, side, 3), np.uint8) as array:
        for row, (domain, number) in enumerate(track(wanted, "rendering unlabelled tissue", transient=True)):
            if array.holds(row):
                continue
            look = DOMAINS[domain]
            scanner = SCANNERS[look.scanners[number % len(look.scanners)]]
            rng = seeds.stream(settings.seed, "unlabelled", domain, number)
            region = tissue.render(rng, look, scanner, settings.cells_per_slide, look.mitotic_share)
            array.write(np.array([row]), region.image[None])
            array.note(row)


class Crops(Dataset[Tensor]):
    """The batch of every step: item `step` is uint8 (batch_size, side, side, 3), a function of (seed, step) alone.

    All crops are from one slide, so that stain and architecture do not tell them apart. Each is centred on the darkest spot
    nearby, mostly a nucleus. The second half shows the places of the first half again, with another shift and turn, and
    in the surroundings of another place: two views of a place share only the nucleus in their middle (Ryali et al. 2021,
    arXiv 2103.12719, copy foregrounds onto other backgrounds in this way).

    Args:
        slides: (n, height, width, 3) uint8.
        side: of a crop, px.
        reach: largest distance of the darkest spot from a random point, px, by row and column.
        shift: largest distance of the middle of a crop from that spot, px, by row and column.
        radius: of the disc that a view keeps if its surroundings are exchanged, px.
    """

    def __init__(
        self, slides: np.ndarray, side: int, batch_size: int, seed: int, reach: int, shift: int, radius: float
    ) -> None:
        self.slides, self.side, self.batch_size, self.seed = slides, side, batch_size, seed
        self.reach, self.shift = reach, shift
        # Haematoxylin absorbs red light; the mean is over the size of a small nucleus.
        self.dark = np.stack([cv2.blur(np.ascontiguousarray(slide[..., 0]), (_SPOT, _SPOT)) for slide in slides])
        along = np.arange(side) - (side - 1) / 2
        away = np.hypot(along[:, None], along)
        self.kept = (1 / (1 + np.exp((away - radius) / _SEAM)))[..., None].astype(np.float32)

    def __getitem__(self, step: int) -> Tensor:
        rng = seeds.stream(self.seed, "crops", step)
        n, height, width, _ = self.slides.shape
        half, room, places = self.side // 2, (height - self.side, width - self.side), self.batch_size // 2
        slide = rng.integers(n)
        batch = np.empty((2, places, self.side, self.side, 3), np.uint8)
        points = rng.integers(0, (room[0] + 1, room[1] + 1), (places, 2))
        moves = rng.integers(-self.shift, self.shift + 1, (*batch.shape[:2], 2))
        turns = rng.integers(0, 8, batch.shape[:2])
        for row, point in enumerate(points):
            first = np.maximum(point - self.reach, 0)
            last = np.minimum(point + self.reach, room)
            dark = self.dark[slide, first[0] + half : last[0] + half + 1, first[1] + half : last[1] + half + 1]
            spot = first + np.unravel_index(dark.argmin(), dark.shape)
            for view in range(2):
                top, left = np.clip(spot + moves[view, row], 0, room)
                turn = turns[view, row]
                crop = np.rot90(self.slides[slide, top : top + self.side, left : left + self.side], turn % 4)
                batch[view, row] = crop[:, ::-1] if turn > 3 else crop
        others = np.roll(batch[1], rng.integers(1, max(2, places)), axis=0)
        batch[1] = np.rint(self.kept * batch[1] + (1 - self.kept) * others)
        return torch.from_numpy(batch.reshape(-1, *batch.shape[2:]))
