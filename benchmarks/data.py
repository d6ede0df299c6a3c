"""How fast are patches cut and read? `make bench-data`

Six regions of 7,200 x 5,000 px, tiled JPEG, with 200 cells each. Cutting: the whole of `patches.ensure` (checksums,
survey and writing included) on all cores, against one `openslide.read_region` per cell in table order in one process,
which writes nothing. Reading: copies of random patches from the finished store, one core.
"""

from __future__ import annotations

import argparse
import re
import shutil
import statistics
import tempfile
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import openslide
import pandas as pd
import tifffile

from mitofm.data.annotations import validate
from mitofm.data.patches import ensure
from mitofm.fingerprints import Remembered

WIDTH, HEIGHT, REGIONS, CELLS, PATCH_PX = 7200, 5000, 6, 200, 224


class Regions:
    """The regions in `root` as a source."""

    def __init__(self, root: Path) -> None:
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
        for i in range(REGIONS):
            coarse = rng.integers(0, 256, (HEIGHT // 10, WIDTH // 10, 3), dtype=np.uint8)
            pixels = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
            pixels += rng.integers(0, 12, pixels.shape, dtype=np.uint8)
            tifffile.imwrite(
                root / f"{i}.tif", pixels, photometric="rgb", tile=(256, 256), compression="jpeg",
                compressionargs={"level": 85},
            )  # fmt: skip

    def prepare(self) -> None: ...

    def files(self) -> list[Path]:
        return []

    def table(self) -> pd.DataFrame:
        return self._table


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
    for cell in regions.table().itertuples():
        corner = (int(cell.x) - PATCH_PX // 2, int(cell.y) - PATCH_PX // 2)
        patches.append(np.asarray(slides[cell.image].read_region(corner, 0, (PATCH_PX, PATCH_PX)).convert("RGB")))
    return np.stack(patches)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        regions = Regions(root)
        ours, theirs = [], []
        peak = 0
        for repeat in range(repeats):
            cache = root / f"cache{repeat}"
            with Memory() as memory:
                start = time.perf_counter()
                store = ensure(
                    regions,
                    name="bench",
                    crop_px=PATCH_PX,
                    margin_px=0,
                    cache=cache,
                    remembered=Remembered(cache / "known"),
                )
                ours.append(time.perf_counter() - start)
            peak = max(peak, memory.peak_kb)
            start = time.perf_counter()
            expected = one_by_one(regions)
            theirs.append(time.perf_counter() - start)
            difference = int(np.abs(store.patches.astype(np.int16) - expected).max())
            if repeat < repeats - 1:
                shutil.rmtree(cache)
        n = len(expected)
        ratio = statistics.median(t / o for t, o in zip(theirs, ours, strict=True))
        print(f"cutting   {n / statistics.median(ours):8.0f} patches/s  patches.ensure, all cores")
        print(f"          {n / statistics.median(theirs):8.0f} patches/s  openslide, one read_region per cell")
        print(f"          {ratio:8.2f} x, median of {repeats} pairs; largest difference {difference} grey levels")
        print(f"          {peak / 1e3:8.0f} MB at most while building, mapped pages not counted")
        rng = np.random.default_rng(0)
        rows = [rng.integers(0, n, 64) for _ in range(200)]
        store.read(np.arange(n))
        start = time.perf_counter()
        for batch in rows:
            store.read(batch)
        print(f"reading   {64 * len(rows) / (time.perf_counter() - start):8.0f} patches/s of {PATCH_PX} px, one core")


if __name__ == "__main__":
    main()
