#!/usr/bin/env bash
# A region of interest of ImageJ keeps its corners in 16 bits. roifile writes one that lies further out without a word: its
# box wraps around, its points do not.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6 roifile==2026.2.10
cd "$work"
venv/bin/python - <<'PYTHON'
import importlib.metadata as metadata
import sys

import numpy as np
from roifile import ImagejRoi

points = np.array([[70_000, 80_000], [70_040, 80_040]], dtype=np.float32)  # a nucleus of a whole slide, px of level 0
read = ImagejRoi.frombytes(ImagejRoi.frompoints(points).tobytes())
near = ImagejRoi.frombytes(ImagejRoi.frompoints(points - 60_000).tobytes())
print("roifile", metadata.version("roifile"))
print("expected: the left and upper border of the region are those of its points, (70000, 80000), or an error")
print(f"seen:     ({read.left}, {read.top}), and its first point is {read.coordinates()[0].tolist()}")
right_when_near = (near.left, near.top) == (10_000, 20_000)
stated = (read.left, read.top) == (70_000 - 65_536, 80_000 - 65_536) and read.coordinates()[0].tolist() == [70_000, 80_000]
sys.exit(None if stated and right_when_near else "no longer as stated")
PYTHON
