#!/usr/bin/env bash
# OpenSlide has one downsample factor a level: the mean of the factors of width and height. A writer
# rounds both to whole pixels, so on a long, narrow slide regions of a level come from another place.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    numpy==2.4.6 openslide-bin==4.0.1.2 openslide-python==1.4.7 pyvips==3.2.0 \
    pyvips-binary==8.18.7
cd "$work"
OMP_NUM_THREADS=1 venv/bin/python - <<'PYTHON'
import sys

import numpy as np
import openslide
import pyvips

WIDTH, HEIGHT, BAND = 500, 20_000, (19_840, 19_904)
FROM = 19_200  # the band is looked for in a region that begins here, in pixels of level 0

strip = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
strip[BAND[0] : BAND[1]] = 0
pyvips.Image.new_from_array(strip).tiffsave(
    "strip.tif", tile=True, pyramid=True, compression="deflate", tile_width=128, tile_height=128
)
slide = openslide.OpenSlide("strip.tif")

print(f"openslide {openslide.__library_version__}, libvips", *(pyvips.version(i) for i in range(3)))
middle = sum(BAND) / 2
print(f"expected: the middle of the band at row {middle:.0f} of level 0, from whichever level it is read")
off = {}
for level in range(5):
    width, height = slide.level_dimensions[level]
    region = np.asarray(slide.read_region((0, FROM), level, (width, height)))
    dark = (region[:, 0, 3] > 0) * (255.0 - region[:, 0, 0])  # past the edge it is transparent black
    row = (dark * (np.arange(height) + 0.5)).sum() / dark.sum()
    found = FROM + row * HEIGHT / height
    off[level] = found - middle
    print(
        f"seen:     level {level} ({width} x {height}, 1/{HEIGHT / height:g} of the height, factor of "
        f"OpenSlide {slide.level_downsamples[level]:.3f}): row {found:.0f}, off by {off[level]:.0f}"
    )
stated = all(abs(off[level]) < 1 for level in (0, 1, 2)) and all(60 < off[level] < 100 for level in (3, 4))
sys.exit(None if stated else "no longer as stated")
PYTHON
