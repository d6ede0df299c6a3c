#!/usr/bin/env bash
# A TIFF that libvips writes from pixels without a resolution holds one: 1 pixel a millimetre, in the tags
# that are trusted for it. OpenSlide reports 1000 micrometres a pixel.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    numpy==2.4.6 openslide-bin==4.0.1.2 openslide-python==1.4.7 pyvips==3.2.0 \
    pyvips-binary==8.18.7 tifffile==2026.3.3 tiffslide==3.0.1
cd "$work"
OMP_NUM_THREADS=1 venv/bin/python - <<'PYTHON'
import importlib.metadata as metadata
import sys

import numpy as np
import openslide
import pyvips
import tifffile
import tiffslide

pixels = np.full((512, 512, 3), 200, np.uint8)
pyvips.Image.new_from_array(pixels).tiffsave("vips.tif", tile=True, pyramid=True)
tifffile.imwrite("tifffile.tif", pixels, tile=(256, 256), photometric="rgb")


def read(path):
    """Micrometres a pixel by OpenSlide and by TiffSlide, None if they say that they do not know."""
    return (
        openslide.OpenSlide(path).properties.get("openslide.mpp-x"),
        tiffslide.TiffSlide(path).properties.get("tiffslide.mpp-x"),
    )


control, seen = read("tifffile.tif"), read("vips.tif")
tags = tifffile.TiffFile("vips.tif").pages[0]
print(
    "libvips", ".".join(str(pyvips.version(i)) for i in range(3)),
    f"openslide {openslide.__library_version__} tiffslide {metadata.version('tiffslide')}",
)
print(f"expected: no resolution was given, so none is reported; so it is if tifffile writes: {control}")
print(f"seen:     {seen}, from {tags.resolution[0]} pixels an {tags.resolutionunit.name}")
stated = control == (None, None) and all(abs(float(mpp) - 1000) < 1 for mpp in seen)
sys.exit(None if stated else "no longer as stated")
PYTHON
