#!/usr/bin/env bash
# OpenSlide takes the corner of a region in pixels of level 0. If that is not a whole pixel of the level
# that is read, it interpolates: the patch is blurred, the more the farther from a whole pixel.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    numpy==2.4.6 openslide-bin==4.0.1.2 openslide-python==1.4.7 tifffile==2026.3.3 tiffslide==3.0.1
cd "$work"
OMP_NUM_THREADS=1 venv/bin/python - <<'PYTHON'
import importlib.metadata as metadata
import sys

import numpy as np
import openslide
import tifffile
import tiffslide

SIDE = 64
rng = np.random.default_rng(0)
level_0 = np.zeros((1024, 1024, 3), np.uint8)
level_1 = rng.integers(0, 256, (256, 256, 3), dtype=np.uint8)  # a factor of exactly 4
with tifffile.TiffWriter("slide.tif") as tiff:
    tiff.write(level_0, tile=(256, 256), photometric="rgb", metadata=None)
    tiff.write(level_1, tile=(256, 256), photometric="rgb", metadata=None, subfiletype=1)


def variance(slide, offset):
    """Variance of a patch of level 1 whose corner is `offset` pixels of level 0 off a whole pixel."""
    patch = slide.read_region((400 + offset, 400 + offset), 1, (SIDE, SIDE))
    return float(np.asarray(patch)[..., :3].astype(float).var())


stored = float(level_1[100 : 100 + SIDE, 100 : 100 + SIDE].astype(float).var())
blurred = {offset: variance(openslide.OpenSlide("slide.tif"), offset) / stored for offset in range(5)}

# TiffSlide has OpenSlide's interface but wants an Aperio header to see the second level.
header = "Aperio Image Library v11\n1024x1024 (256x256)|AppMag = 40|MPP = 0.25"
with tifffile.TiffWriter("slide.svs") as tiff:
    tiff.write(level_0, tile=(256, 256), photometric="rgb", metadata=None, description=header)
    tiff.write(level_0[:99, :99], photometric="rgb", metadata=None)
    tiff.write(level_1, tile=(256, 256), photometric="rgb", metadata=None, description=header)
floored = tiffslide.TiffSlide("slide.svs").read_region((403, 403), 1, (SIDE, SIDE))
is_floored = bool((np.asarray(floored) == level_1[100 : 100 + SIDE, 100 : 100 + SIDE]).all())

print(f"openslide {openslide.__library_version__}, tiffslide {metadata.version('tiffslide')}")
print("expected: pixels of level 1 as they are stored; 1.00 of their variance at every offset")
print("seen:     offset in pixels of level 0 -> variance kept:", {k: round(v, 2) for k, v in blurred.items()})
print(f"          TiffSlide gives the stored pixels to the left and above at offset 3: {is_floored}")
stated = (
    all(0.9 < blurred[offset] < 1.1 for offset in (0, 4))
    and all(0.3 < blurred[offset] < 0.5 for offset in (1, 3))
    and 0.2 < blurred[2] < 0.3
    and is_floored
)
sys.exit(None if stated else "no longer as stated")
PYTHON
