#!/usr/bin/env bash
# A patch around a point shows the point in its middle at every level. WholeSlideData cuts the factor of a level to an integer: if the
# sizes of levels were rounded up, 3.997 becomes 3, and the patch lies a quarter of its half to the lower right of where it should.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
# Its own pins (Shapely 1.7.1, Rtree 1.0.0) have no wheels for Python 3.11; reading slides needs none of what has changed since.
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    numpy==2.3.5 scipy==1.17.1 shapely==2.1.2 rtree==1.4.1 opencv-python-headless==4.13.0.90 scikit-image==0.26.0 creationism==0.0.5 \
    openslide-python==1.4.3 openslide-bin==4.0.1.2 jsonschema==4.25.1 matplotlib==3.10.7 PyYAML==6.0.3 tifffile==2026.3.3
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps wholeslidedata==0.0.16
cd "$work"
venv/bin/python -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
import tifffile
from wholeslidedata.image.wholeslideimage import WholeSlideImage

y, x = np.mgrid[:3997, :4001]
base = np.stack([x // 16, y // 16, np.zeros_like(x)], axis=-1).astype(np.uint8)  # A pixel says where it is.
with tifffile.TiffWriter("slide.tif") as file:
    for step in (1, 4, 16):
        level = np.ascontiguousarray(base[::step, ::step])
        options = {"resolution": (40000 / step, 40000 / step), "resolutionunit": "CENTIMETER", "subfiletype": int(step > 1)}
        file.write(level, tile=(256, 256), photometric="rgb", compression="zlib", **options)
slide = WholeSlideImage("slide.tif")
factors = ", ".join(f"{factor:.3f}" for factor in slide.downsamplings)
print(f"WholeSlideData {version('wholeslidedata')}, OpenSlide 4.0.1; factors of the levels: {factors}")
seen = {}
for spacing in (0.25, 1.0, 4.0):
    patch = slide.get_patch(2000, 2000, 128, 128, spacing)
    seen[spacing] = [int(value) * 16 for value in patch[64, 64, :2]]
    print(f"middle of a patch of 128 pixels around (2000, 2000) at {spacing}: expected: (2000, 2000) +- 16; seen: {tuple(seen[spacing])}")
sys.exit(None if seen == {0.25: [2000, 2000], 1.0: [2064, 2064], 4.0: [2064, 2064]} else "no longer as stated")
PYTHON
