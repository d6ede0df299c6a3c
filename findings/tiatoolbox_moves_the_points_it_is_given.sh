#!/usr/bin/env bash
# TIAToolbox's PointsPatchExtractor cuts a patch around each point of a table. It subtracts half a patch from the table itself, the one
# of the caller: a second extractor on it (another encoder, another size) is centred half a patch to the upper left, a third a whole
# patch. It also takes the height of the patch for the width: patches that are not square are off in x the first time.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check tiatoolbox==2.1.3 numpy==2.3.5 pandas==3.0.2
cd "$work"
OMP_NUM_THREADS=1 venv/bin/python -W ignore - <<'PYTHON'
import sys

import numpy as np
import pandas as pd
import tiatoolbox
from tiatoolbox.tools.patchextraction import get_patch_extractor

POINTS = [(600, 500), (900, 1400)]
y, x = np.mgrid[:2048, :2048]
slide = np.stack([x % 256, y % 256, x // 256 + y // 256 * 16], -1).astype(np.uint8)  # each pixel says where it is


def centres(table, size):
    patches = get_patch_extractor("point", input_img=slide, locations_list=table, patch_size=size)
    found = [patch[patch.shape[0] // 2, patch.shape[1] // 2].astype(int) for patch in patches]
    return [(int(r + b % 16 * 256), int(g + b // 16 * 256)) for r, g, b in found]


table = pd.DataFrame(POINTS, columns=["x", "y"])
first, again, third = (centres(table, size) for size in (65, 65, 225))
left = list(zip(table["x"].tolist(), table["y"].tolist()))
flat = centres(pd.DataFrame(POINTS, columns=["x", "y"]), (65, 225))
array = np.array(POINTS)
arrays = [centres(array, 65) for _ in range(2)]

print(f"tiatoolbox {tiatoolbox.__version__}, pandas {pd.__version__}; points of a table, and the centres of their patches")
print(f"expected: {POINTS} each time; so it is for an array: {arrays}")
print(f"seen:     of 65 pixels, first {first}, from the same table again {again}; then of 225: {third}")
print(f"          the table of the caller now says {left}; a fresh table, patches of 65 x 225: {flat}")
stated = (
    first == POINTS
    and arrays == [POINTS, POINTS]
    and again == [(x - 32, y - 32) for x, y in POINTS]
    and third == [(x - 64, y - 64) for x, y in POINTS]
    and left == [(x - 176, y - 176) for x, y in POINTS]
    and flat == [(x - 80, y) for x, y in POINTS]
)
sys.exit(None if stated else "no longer as stated")
PYTHON
