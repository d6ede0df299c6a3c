"""Unlabelled synthetic tissue, and which crops of it each step sees."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock
from torch import Tensor
from torch.utils.data import Dataset

from mitofm import fingerprints, seeds
from mitofm.files import write_json
from mitofm.resumable import ResumableArray
from mitofm.synthesis import tissue
from mitofm.synthesis.domains import DOMAINS, SCANNERS
from mitofm.synthesis.generate import VERSION


def slides(settings: Mapping[str, Any], cache: Path) -> np.ndarray:
    """The slides of `settings` (conf/pretrain.yaml: tissue), memory-mapped uint8 (n, side, side, 3).

    Rendered into `cache` first where they are not there; an interrupted rendering goes on. Their random streams bear another
    name than those of labelled slides, so that no slide of `mitofm.synthesis.generate` is among them, whatever the seeds.
    """
    folder = cache / "pretraining" / fingerprints.of({"version": VERSION, **settings})[:12]
    file, marker = folder / "slides.npy", folder / "settings.json"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{file}.lock"):
        if not marker.is_file():
            _render(file, settings)
            write_json(marker, settings)
    return np.load(file, mmap_mode="r", allow_pickle=False)


def _render(file: Path, settings: Mapping[str, Any]) -> None:
    from rich.progress import track

    wanted = [(domain, number) for number in range(settings["slides_per_domain"]) for domain in DOMAINS]
    side = tissue.side_of(settings["cells_per_slide"])
    with ResumableArray(file, (len(wanted), side, side, 3), np.uint8) as array:
        for row, (domain, number) in enumerate(track(wanted, "rendering unlabelled tissue", transient=True)):
            if array.holds(row):
                continue
            look = DOMAINS[domain]
            scanner = SCANNERS[look.scanners[number % len(look.scanners)]]
            rng = seeds.stream(settings["seed"], "unlabelled", domain, number)
            region = tissue.render(rng, look, scanner, settings["cells_per_slide"], look.mitotic_share)
            array.write(np.array([row]), region.image[None])
            array.note(row)


class Crops(Dataset[Tensor]):
    """The batch of every step: item `step` is uint8 (batch_size, side, side, 3), a function of (seed, step) alone.

    Args:
        slides: (n, height, width, 3) uint8.
        side: of a crop, px.
        batch_size: crops per step.
        seed: of the run.
    """

    def __init__(self, slides: np.ndarray, side: int, batch_size: int, seed: int) -> None:
        self.slides, self.side, self.batch_size, self.seed = slides, side, batch_size, seed

    def __getitem__(self, step: int) -> Tensor:
        rng = seeds.stream(self.seed, "crops", step)
        n, height, width, _ = self.slides.shape
        batch = np.empty((self.batch_size, self.side, self.side, 3), np.uint8)
        drawn = rng.integers(0, (n, height - self.side + 1, width - self.side + 1, 8), (self.batch_size, 4))
        for place, (slide, top, left, turn) in zip(batch, drawn.tolist(), strict=True):
            crop = np.rot90(self.slides[slide, top : top + self.side, left : left + self.side], turn % 4)
            place[:] = crop[:, ::-1] if turn > 3 else crop
        return torch.from_numpy(batch)
