"""How fast are patches cut and read? `make bench-data`

Six regions of 7,200 x 5,000 px of synthetic tissue, tiled JPEG, with 200 samples each. Cutting: the whole of `patches.ensure` (checksums,
survey and writing included) on all cores, against one `openslide.read_region` per sample in table order in one process,
which writes nothing. Reading: copies of random patches from the finished store, one core.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import re
import shutil
import tempfile
import threading
from pathlib import Path

import numpy as np
import openslide
import pandas as pd
import tifffile
from clocks import measure

from mitofm.data.annotations import validate
from mitofm.data.patches import PatchStore, ensure
from mitofm.ground.fingerprints import Remembered
from mitofm.synthesis.generate import TissueSettings, generate

WIDTH, HEIGHT, REGIONS, CELLS, PATCH_PX = 7200, 5000, 6, 200, 224


class Regions:
    """The regions in `root` as a source."""

    def __init__(self, root: Path, tile: int) -> None:
        self.root = root
        rng = np.random.default_rng(0)
        n = REGIONS * CELLS
        cells = {
            "sample_id": [f"{i:05d}" for i in rng.permutation(n)],  # so that table order is no image's order
            "dataset": "regions",
            "image": [f"{i % REGIONS}.tif" for i in range(n)],
            "x": rng.integers(PATCH_PX, WIDTH - PATCH_PX, n),
            "y": rng.integers(PATCH_PX, HEIGHT - PATCH_PX, n),
            "label": rng.integers(0, 2, n),
            "slide": [f"{i % REGIONS}" for i in range(n)],
            "domain": "any",
        }
        self._table = validate(pd.DataFrame(cells), "regions")
        tissue = render(root / "tissue")
        for i in range(REGIONS):
            pixels = np.roll(tissue, (rng.integers(HEIGHT), rng.integers(WIDTH)), axis=(0, 1))
            tifffile.imwrite(  # quality and chroma as scanners and converters of slides write them
                root / f"{i}.tif", pixels, photometric="rgb", tile=(tile, tile), compression="jpeg",
                compressionargs={"level": 80}, subsampling=(2, 2),
            )  # fmt: skip

    def prepare(self) -> None: ...

    def files(self) -> list[Path]:
        return []

    def table(self) -> pd.DataFrame:
        return self._table


def render(folder: Path) -> np.ndarray:
    """Synthetic tissue, (HEIGHT, WIDTH, 3) uint8: one slide and its mirror images, side by side."""
    settings = TissueSettings(["human melanoma"], slides_per_domain=1, cells_per_slide=40, seed=0)
    generate(folder, settings)
    (file,) = folder.rglob("*.tif")
    one = tifffile.imread(file)
    wide = np.concatenate([one, one[:, ::-1]], axis=1)
    four = np.concatenate([wide, wide[::-1]])
    return np.tile(four, (-(-HEIGHT // len(four)), -(-WIDTH // four.shape[1]), 1))[:HEIGHT, :WIDTH]


class Memory:
    """Watches the anonymous memory of this process (Linux): what it holds besides files."""

    def __enter__(self) -> Memory:
        self.peak_kb = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._over.wait(0.01):
            said = Path("/proc/self/status").read_text()
            self.peak_kb = max(self.peak_kb, int(re.search(r"RssAnon:\s+(\d+)", said)[1]))

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def one_by_one(regions: Regions) -> np.ndarray:
    """The simplest correct way: (n, PATCH_PX, PATCH_PX, 3) uint8."""
    slides = {name: openslide.OpenSlide(regions.root / name) for name in set(regions.table()["image"])}
    patches = []
    for sample in regions.table().itertuples():
        corner = (int(sample.x) - PATCH_PX // 2, int(sample.y) - PATCH_PX // 2)
        patches.append(np.asarray(slides[sample.image].read_region(corner, 0, (PATCH_PX, PATCH_PX)).convert("RGB")))
    return np.stack(patches)


def compare(root: Path, tile: int, repeats: int) -> None:
    """Print the figures for regions of this tile size, made in `root`."""
    regions = Regions(root, tile)
    ours, theirs = [], []

    def build(cache: Path) -> PatchStore:
        sizes = {"crop_px": PATCH_PX, "margin_px": 0}
        return ensure(regions, name="bench", cache=cache, remembered=Remembered(cache / "known"), **sizes)

    with Memory() as memory:  # and a warm-up
        store = build(root / "store")
    expected = one_by_one(regions)
    difference = int(np.abs(store.patches.astype(np.int16) - expected).max())
    for repeat in range(repeats):
        os.sync()
        ours.append(measure(lambda cache=root / f"cache{repeat}": build(cache)))
        theirs.append(measure(lambda: one_by_one(regions)))
        shutil.rmtree(root / f"cache{repeat}")
    n = len(expected)
    (wall, cpu), (their_wall, their_cpu) = (np.median(times, axis=0) for times in (ours, theirs))
    ratio, cpu_ratio = np.median(np.array(theirs) / np.array(ours), axis=0)
    print(f"tiles of {tile} px")
    print(f"cutting   {n / wall:8.0f} patches/s, {cpu:.2f} CPU-s  patches.ensure on {os.cpu_count()} cores")
    print(f"          {n / their_wall:8.0f} patches/s, {their_cpu:.2f} CPU-s  openslide, one read_region per sample")
    print(f"          {ratio:8.2f} x in wall time, {cpu_ratio:.2f} x in CPU time: medians of {repeats} pairs")
    print(f"          {difference:8} grey levels of largest difference")
    print(f"          {memory.peak_kb / 1e3:8.0f} MB at most while building, mapped pages not counted")
    rng = np.random.default_rng(0)
    rows = [rng.integers(0, n, 64) for _ in range(200)]
    store.read(np.arange(n))
    reading, _ = measure(lambda: [store.read(batch) for batch in rows])
    print(f"reading   {64 * len(rows) / reading:8.0f} patches/s of {PATCH_PX} px, one core")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--tile", type=int, nargs="+", default=[256, 512, 1024], help="side of the regions' tiles, px")
    asked = parser.parse_args()
    for tile in asked.tile:
        with tempfile.TemporaryDirectory() as folder:  # a process each: memory that one freed is not the next one's
            process = multiprocessing.get_context("spawn").Process(
                target=compare, args=(Path(folder), tile, asked.repeats)
            )
            process.start()
            process.join()


if __name__ == "__main__":
    main()
