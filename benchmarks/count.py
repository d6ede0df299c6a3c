"""What does a count find, and what does it cost? `make bench-count`

A cell (nano, linear probe, all of `data=synthetic`, seed 0 of the generator) counts on tissue of seed 2, on which nothing was tuned:
recall of the proposals, F1 with proposals and with the dense grid of 16 px, each at the threshold of highest F1 on tissue of
seed 11; positions scored by both in one run. Then 2 mm^2 of such tissue, killed and begun again, and a pyramid of
100,000 x 80,000 px, each in a process of its own: CPU time and memory.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import cv2
import imagecodecs
import numpy as np
import pandas as pd
import tifffile
from peaks import watch
from scipy.special import expit

from mitofm.commands.composing.compose import compose
from mitofm.counting.dense import lay_grid
from mitofm.counting.matching import match
from mitofm.counting.merging import suppress
from mitofm.data.images.open import open_image
from mitofm.data.proposals.survey import survey
from mitofm.data.proposals.tissue import choose_step, find_tissue
from mitofm.synthesis.generate import ANNOTATIONS, MPP, TissueSettings, generate

TEST, VALIDATION = 2, 11  # seeds of the generator
TILE = 512  # px, of the pyramid
GLASS = 243
DOMAINS = tuple(TissueSettings().domains)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="where all goes, and stays; a temporary folder by default")
    parser.add_argument("--domains", type=int, default=len(DOMAINS), help="how many, of the tissue that is counted on")
    parser.add_argument("--slides", type=int, default=2, help="of each domain")
    parser.add_argument("--cells", type=int, default=96, help="annotated, of each slide")
    parser.add_argument("--more", type=int, default=8, help="slides of each domain, for the recall of proposals alone")
    parser.add_argument("--trained", type=int, default=8, help="slides of each domain that the cell is trained on")
    parser.add_argument("--region", type=float, default=2.0, help="mm^2 of the region whose cost is measured")
    parser.add_argument("--kills", type=int, default=3, help="of its count")
    parser.add_argument("--pyramid", type=int, nargs=2, default=(100_000, 80_000), help="px")
    parser.add_argument("--tissue", type=float, default=8.0, help="mm^2 on the pyramid")
    parser.add_argument("--real", type=Path, help="a folder of real crops, half of the pyramid's tissue")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        root = (asked.folder or Path(temporary)).resolve()
        os.environ |= {f"MITOFM_{place}": str(root / place.lower()) for place in ("DATA", "RUNS", "CACHE")}
        cell = train(root, asked.trained)
        tissue = {seed: render(root, asked, seed) for seed in (TEST, VALIDATION)}
        measure_recall(root, asked)
        measure_detection(root, cell, tissue)
        measure_region(root, cell, tissue[TEST], asked.region, asked.kills)
        measure_pyramid(root, cell, tissue[TEST], asked.pyramid, asked.tissue, asked.real)


def run(*words: object, kill_after: float | None = None) -> tuple[float, float]:
    """Type a command in a process of its own: its CPU seconds, and the most memory that it had, GB."""
    command = [
        sys.executable,
        "-m",
        "mitofm",
        *map(str, words),
        "trainer.accelerator=cpu",
        "trainer.threads=1",
        "trainer.progress=false",
    ]
    begun = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    if kill_after is not None:
        time.sleep(kill_after)
        begun.kill()
    used, memory = watch(begun)
    if begun.returncode and kill_after is None:
        raise SystemExit(f"{' '.join(command)} ended with {begun.returncode}")
    return used.ru_utime + used.ru_stime, memory / 1000


def train(root: Path, slides: int) -> Path:
    """The cell that counts."""
    if not list((root / "runs").glob("cells/*/DONE")):
        run("train", "data=synthetic", f"data.source.slides_per_domain={slides}", "backbone=nano",
            "adaptation=linear_probe", "logger=none", "seed=42")  # fmt: skip
    return next((root / "runs").glob("cells/*/DONE")).parent


def render(root: Path, asked: argparse.Namespace, seed: int) -> Path:
    """A folder of synthetic tissue."""
    settings = TissueSettings(DOMAINS[: asked.domains], asked.slides, asked.cells, seed)
    return generate(root / "tissue", settings)


def measure_recall(root: Path, asked: argparse.Namespace) -> None:
    """Recall of the proposals alone, on more slides: nothing is scored."""
    settings = TissueSettings(DOMAINS[: asked.domains], asked.more, asked.cells, TEST)
    tissue = generate(root / "tissue", settings)
    per_mm2 = float(compose("count", []).proposals_per_mm2)
    reached, total, passes, dense = {}, {}, 0, 0
    for name, figures in read_figures(tissue).items():
        with open_image(tissue / "images" / f"{name}.tif") as image, tempfile.TemporaryDirectory() as work:
            seen = survey(image, MPP, None, per_mm2, Path(work), lambda share: None)
            step = choose_step(MPP)
            grid = lay_grid(find_tissue(seen.small, step * MPP), step, 16, (image.width, image.height))
        domain = name.rpartition("_")[0]
        reached[domain] = reached.get(domain, 0) + len(match(seen.places * MPP, figures))
        total[domain] = total.get(domain, 0) + len(figures)
        passes, dense = passes + len(seen.places), dense + len(grid)
    worst = min(total, key=lambda domain: reached[domain] / total[domain])
    print(f"proposals alone: {sum(reached.values())} of {sum(total.values())} figures "
          f"({sum(reached.values()) / sum(total.values()):.4f}; {worst}: {reached[worst] / total[worst]:.3f}), "
          f"{passes} positions, {dense / passes:.1f} x fewer than the grid")  # fmt: skip


def measure_detection(root: Path, cell: Path, tissue: dict[int, Path]) -> None:
    """Recall of proposals, F1 of both ways, and how many positions each scores."""
    passes, scores = {}, {}
    for way in ("blobs", "dense"):
        counts = {seed: count(root, cell, tissue[seed], way, seed) for seed in tissue}
        figures = {seed: read_figures(tissue[seed]) for seed in tissue}
        passes[way] = sum(len(table) for table in counts[TEST].values())
        reached = sum(
            len(match(table[["x", "y"]].to_numpy() * MPP, figures[TEST][name])) for name, table in counts[TEST].items()
        )
        total = sum(map(len, figures[TEST].values()))
        cuts = np.quantile(
            np.concatenate([table["logit"] for table in counts[VALIDATION].values()]), 1 - np.geomspace(3e-4, 0.7, 60)
        )
        chosen = max(cuts, key=lambda cut: measure_f1(counts[VALIDATION], figures[VALIDATION], cut)[0])
        scores[way] = measure_f1(counts[TEST], figures[TEST], chosen)
        f1, precision, recall = scores[way]
        print(f"{way}: {passes[way]} positions scored reach {reached} of {total} figures ({reached / total:.4f}); at log-odds "
              f"{chosen:.2f} (probability {expit(chosen):.2f}) F1 {f1:.4f}, precision {precision:.3f}, recall {recall:.3f}")  # fmt: skip
    ratio, gained = passes["dense"] / passes["blobs"], scores["dense"][0] - scores["blobs"][0]
    print(f"dense over proposals: {ratio:.1f} x the positions, F1 {gained:+.4f}")


def count(root: Path, cell: Path, tissue: Path, way: str, seed: int) -> dict[str, pd.DataFrame]:
    """All positions that were scored, by slide."""
    out = root / f"count-{way}-{seed}"
    seconds, _ = run("count", cell, f"slides={tissue}/images", f"proposals={way}", f"output={out}")
    found = {path.parent.name: pd.read_parquet(path) for path in sorted(out.glob("*/candidates.parquet"))}
    print(f"{way}, seed {seed}: {seconds:.0f} CPU-s")
    return found


def read_figures(tissue: Path) -> dict[str, np.ndarray]:
    """The mitotic figures of each slide, in micrometres."""
    content = json.loads((tissue / ANNOTATIONS).read_text())
    names = {image["id"]: Path(image["file_name"]).stem for image in content["images"]}
    found: dict[str, list[np.ndarray]] = {name: [] for name in names.values()}
    for cell in content["annotations"]:
        if cell["category_id"] == 1:
            found[names[cell["image_id"]]].append(np.reshape(cell["bbox"], (2, 2)).mean(axis=0) * MPP)
    return {name: np.array(places) for name, places in found.items()}


def measure_f1(
    counts: dict[str, pd.DataFrame], figures: dict[str, np.ndarray], cut: float
) -> tuple[float, float, float]:
    """F1, precision and recall over all slides, of positions of at least these log-odds."""
    right = found = 0
    for name, table in counts.items():
        called = table[table["logit"] >= cut]
        places = called[["x", "y"]].to_numpy() * MPP
        places = places[suppress(places, called["logit"].to_numpy())]
        right, found = right + len(match(places, figures[name])), found + len(places)
    total = sum(map(len, figures.values()))
    return 2 * right / (found + total), right / max(found, 1), right / total


def measure_region(root: Path, cell: Path, tissue: Path, mm2: float, kills: int) -> None:
    """What a region costs, and whether a killed count of it ends with the same bytes."""
    side = round(1000 * mm2**0.5 / MPP)
    path = root / "region" / "region.tif"
    path.parent.mkdir(exist_ok=True)
    write(path, side, side, lay_tissue(tissue, side, side))
    words = ["count", cell, f"slides={path}"]
    seconds, memory = run(*words, f"output={root}/whole")
    scored = len(pd.read_parquet(root / "whole/region/candidates.parquet"))
    print(f"region of {mm2:g} mm2: {seconds:.1f} CPU-s, {scored} positions, "
          f"{seconds / mm2:.1f} CPU-s per mm2, {seconds / scored * 1e4:.0f} per 10,000 positions; {memory:.2f} GB")  # fmt: skip
    for number in range(kills):
        run(*words, f"output={root}/killed", kill_after=seconds * (number + 1) / (kills + 1))
    run(*words, f"output={root}/killed")
    same = [file.read_bytes() == (root / "killed" / file.relative_to(root / "whole")).read_bytes()
            for file in (root / "whole").rglob("*") if file.is_file()]  # fmt: skip
    print(f"killed {kills} times: {sum(same)} of {len(same)} files have the same bytes")


def measure_pyramid(root: Path, cell: Path, tissue: Path, size: tuple[int, int], mm2: float, real: Path | None) -> None:
    """Memory and time of a whole slide."""
    width, height = size
    path = root / "pyramid" / "slide.tif"
    path.parent.mkdir(exist_ok=True)
    side = min(round(1000 * mm2**0.5 / MPP), *size)
    write(path, width, height, lay_tissue(tissue, side, side, real))
    seconds, memory = run("count", cell, f"slides={path}", f"output={root}/slide")
    scored = len(pd.read_parquet(root / "slide/slide/candidates.parquet"))
    print(f"pyramid of {width} x {height} px, {path.stat().st_size / 1e9:.2f} GB, {mm2:g} mm2 of tissue: {seconds:.0f} CPU-s, "
          f"{scored} positions; {memory:.2f} GB of memory at most")  # fmt: skip


def lay_tissue(tissue: Path, width: int, height: int, real: Path | None = None) -> np.ndarray:
    """A square of tissue, (height, width, 3) uint8: all slides of a folder side by side, in the right half real crops."""
    slides = [tifffile.imread(path) for path in sorted(tissue.rglob("*.tif"))]
    canvas = fill(np.empty((height, width, 3), np.uint8), slides)
    if real is not None:
        crops = [cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB) for path in sorted(real.rglob("*.png"))[:2000]]
        fill(canvas[:, width // 2 :], crops)
    return canvas


def fill(canvas: np.ndarray, pictures: list[np.ndarray]) -> np.ndarray:
    """Lay pictures of one size side by side."""
    side = min(min(picture.shape[:2]) for picture in pictures)
    coming = cycle(pictures)
    for top in range(0, canvas.shape[0], side):
        for left in range(0, canvas.shape[1], side):
            here = canvas[top : top + side, left : left + side]
            here[:] = next(coming)[: here.shape[0], : here.shape[1]]
    return canvas


def write(path: Path, width: int, height: int, tissue: np.ndarray) -> None:
    """A tiled JPEG TIFF with `tissue` in the middle of glass, and a second level of a sixteenth of its side."""
    left, top = (
        (whole - part) // 2 // TILE * TILE for whole, part in ((width, tissue.shape[1]), (height, tissue.shape[0]))
    )
    coding = {"tile": (TILE, TILE), "compression": "jpeg", "photometric": "ycbcr", "subsampling": (2, 2)}
    stated = {"resolution": (1e4 / MPP, 1e4 / MPP), "resolutionunit": "CENTIMETER"}

    def encode(pixels: np.ndarray) -> bytes:
        return imagecodecs.jpeg_encode(pixels, level=80, colorspace="rgb", outcolorspace="ycbcr", subsampling="420")

    empty = encode(np.full((TILE, TILE, 3), GLASS, np.uint8))

    def list_tiles(glass_only: bool, columns: int, rows: int) -> Iterator[bytes]:
        for y in range(0, rows * TILE, TILE):
            for x in range(0, columns * TILE, TILE):
                part = tissue[max(0, y - top) : max(0, y - top + TILE), max(0, x - left) : max(0, x - left + TILE)]
                if glass_only or not part.size:
                    yield empty
                    continue
                tile = np.full((TILE, TILE, 3), GLASS, np.uint8)
                tile[: part.shape[0], : part.shape[1]] = part
                yield encode(tile)

    with tifffile.TiffWriter(path, bigtiff=True) as file:
        for scale, glass_only in ((1, False), (16, True)):
            across, down = -(-width // scale), -(-height // scale)
            tiles = list_tiles(glass_only, -(-across // TILE), -(-down // TILE))
            file.write(tiles, shape=(down, across, 3), dtype="uint8", subfiletype=int(glass_only), **coding, **stated)


if __name__ == "__main__":
    main()
