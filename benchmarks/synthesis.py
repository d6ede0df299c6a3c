"""How fast is synthetic tissue rendered, and how does it look? `make bench-synthesis`

One core, CPU time: a slide of 40 samples per domain and repeat, from its random stream to its pixels; then the
same with its tiled JPEG TIFF written. `--sheets FOLDER` writes one contact sheet per domain instead: a piece of a slide
beside crops of every kind.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import numpy as np
from PIL import Image, ImageDraw

from mitofm.ground import seeds
from mitofm.synthesis.domains import DOMAINS, SCANNERS
from mitofm.synthesis.generate import TissueSettings, generate
from mitofm.synthesis.lookalikes import LOOK_ALIKES
from mitofm.synthesis.mitoses import PHASES
from mitofm.synthesis.tissue import Region, render

SAMPLES, CROP = 40, 64
COLUMNS, SIDE, WORDS = 4, 76, 96  # of a sheet, px


def slide(domain: str, number: int, seed: int = 0) -> Region:
    """A slide as `mitofm.synthesis.generate` would draw it, but for its prevalence."""
    look = DOMAINS[domain]
    rng = seeds.stream(seed, "sheet", domain, number)
    return render(rng, look, SCANNERS[look.scanners[number % len(look.scanners)]], SAMPLES, look.mitotic_share)


def sheet(domain: str, path: Path) -> None:
    """Write the contact sheet of one domain: 256 colours keep it small."""
    slides = [slide(domain, number) for number in range(8)]
    crops: dict[str, list[np.ndarray]] = {kind: [] for kind in (*PHASES, *LOOK_ALIKES)}
    for one in slides:
        for (x, y), kind in zip(one.centres - CROP // 2, one.kinds, strict=True):
            crops[kind].append(one.image[y : y + CROP, x : x + CROP])
    rows = len(LOOK_ALIKES)
    width = WORDS + COLUMNS * SIDE
    image = Image.new("RGB", (2 * width, rows * SIDE + 24), "white")
    pen = ImageDraw.Draw(image)
    for half, (title, kinds) in enumerate((("mitotic figures", PHASES), ("look-alikes", LOOK_ALIKES))):
        pen.text((half * width + 4, 6), f"{domain}: {title}", "black")
        for row, kind in enumerate(kinds):
            pen.text((half * width + 4, 24 + row * SIDE + SIDE // 2 - 6), kind, "black")
            for column, crop in enumerate(crops[kind][:COLUMNS]):
                place = (half * width + WORDS + column * SIDE, 24 + row * SIDE)
                image.paste(Image.fromarray(crop).resize((SIDE - 2, SIDE - 2), Image.Resampling.BICUBIC), place)
    image.paste(Image.fromarray(slides[0].image[:SIDE, : COLUMNS * SIDE]), (WORDS, 24 + len(PHASES) * SIDE))
    path.parent.mkdir(parents=True, exist_ok=True)
    image.quantize(224, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(path, optimize=True)


def main() -> None:
    """Print the figures, or write the sheets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--sheets", type=Path, help="write contact sheets into this folder instead")
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    if asked.sheets:
        for domain in DOMAINS:
            sheet(domain, asked.sheets / f"{domain.replace(' ', '_')}.png")
        return
    slide("human melanoma", 0)
    total = 0.0
    for domain in DOMAINS:
        start = time.process_time()
        pixels = sum(slide(domain, number).image[..., 0].size for number in range(asked.repeats))
        spent = time.process_time() - start
        total += spent
        print(f"{asked.repeats * SAMPLES / spent:8.0f} samples/s  {pixels / 1e6 / spent:5.1f} Mpx/s  {domain}")
    print(f"{len(DOMAINS) * asked.repeats * SAMPLES / total:8.0f} samples/s               all, rendered")
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        generate(Path(folder), TissueSettings(slides_per_domain=asked.repeats, cells_per_slide=SAMPLES))
        spent = time.process_time() - start
    print(f"{len(DOMAINS) * asked.repeats * SAMPLES / spent:8.0f} samples/s               all, rendered and written")


if __name__ == "__main__":
    main()
