#!/usr/bin/env bash
# An Aperio slide whose tiles are JPEG 2000 in YCbCr (TIFF compression 33003): four readers, three
# colours. OpenSlide and slideio convert by different factors, tifffile and TiffSlide not at all. The
# photometric tag says RGB, here as in real slides of this kind, so it does not tell a reader to convert.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    imagecodecs==2026.3.6 numpy==2.4.6 openslide-bin==4.0.1.2 openslide-python==1.4.7 \
    pillow==13.0.0 slideio==2.10.0 tifffile==2026.3.3 tiffslide==3.0.1
cd "$work"
OMP_NUM_THREADS=1 venv/bin/python - <<'PYTHON'
import importlib.metadata as metadata
import sys

import imagecodecs
import numpy as np
import openslide
import slideio
import tifffile
import tiffslide
from PIL import Image

SCANNED = (200, 100, 180)
HEADER = "Aperio Image Library v11\n512x256 (256x256)|AppMag = 40|MPP = 0.25"
rgb = np.full((256, 512, 3), SCANNED, np.uint8)


def write(path, pixels, compression):
    """A slide of two tiles: bare code streams, the three components stored as they are."""
    tiles = [
        imagecodecs.jpeg2k_encode(
            np.ascontiguousarray(pixels[:, x : x + 256]), codecformat="J2K", mct=False, reversible=True
        )
        for x in (0, 256)
    ]
    with tifffile.TiffWriter(path) as tiff:
        tiff.write(
            iter(tiles), shape=rgb.shape, dtype=np.uint8, tile=(256, 256), photometric="rgb",
            compression=compression, description=HEADER, metadata=None,
        )


def read(path):
    """The colour of one pixel, by each reader."""
    box = (0, 0), 0, (9, 9)
    scene = slideio.open_slide(path, "SVS").get_scene(0)
    colours = {
        "openslide-python": openslide.OpenSlide(path).read_region(*box).getpixel((5, 5))[:3],
        "tifffile": tifffile.imread(path)[5, 5],
        "tiffslide": tiffslide.TiffSlide(path).read_region(*box).getpixel((5, 5)),
        "slideio": scene.read_block((0, 0, 9, 9))[5, 5],
    }
    return {name: tuple(int(v) for v in colour) for name, colour in colours.items()}


write("rgb.svs", rgb, 33005)
write("ycbcr.svs", np.asarray(Image.fromarray(rgb).convert("YCbCr")), 33003)
control, seen = read("rgb.svs"), read("ycbcr.svs")

print(*(f"{name} {metadata.version(name)}" for name in seen), sep=", ")
print(f"expected: {SCANNED} from each, within rounding; so it is if the tiles are RGB (33005): {control}")
print(f"seen:     if the tiles are YCbCr (33003): {seen}")


def near(colour, other):
    return max(abs(a - b) for a, b in zip(colour, other)) <= 2


stated = (
    all(near(colour, SCANNED) for colour in control.values())
    and near(seen["openslide-python"], SCANNED)
    and near(seen["tifffile"], (139, 151, 171))  # Y, Cb, Cr as if they were red, green, blue
    and seen["tiffslide"] == seen["tifffile"]
    and near(seen["slideio"], (188, 105, 186))  # the factors of analogue YUV, not those of JPEG
)
sys.exit(None if stated else "no longer as stated")
PYTHON
