#!/usr/bin/env bash
# supervision makes boxes from masks whose right and lower edges are the last pixel itself; COCO's tools
# and OpenCV put them behind it. And its polygon of a mask has the area of the pixels' centres.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    numpy==2.4.6 opencv-python-headless==5.0.0.93 pycocotools==2.0.11 shapely==2.2.0 \
    supervision==0.31.2
cd "$work"
OMP_NUM_THREADS=1 venv/bin/python - <<'PYTHON'
import importlib.metadata as metadata
import sys

import numpy as np
import shapely
import supervision
from pycocotools import mask as coco

print(f"supervision {metadata.version('supervision')}, pycocotools {metadata.version('pycocotools')}")
print("expected: the box of a mask has an IoU of 1 with COCO's box of it; its polygon has its area;")
print("          a polygon of that area gives the mask back")
stated = True
for side in (8, 16, 32):
    mask = np.zeros((64, 64), bool)
    mask[10 : 10 + side, 10 : 10 + side] = True
    x0, y0, x1, y1 = (float(v) for v in supervision.mask_to_xyxy(mask[None])[0])
    theirs = coco.toBbox(coco.encode(np.asfortranarray(mask.astype(np.uint8))))
    iou = float(coco.iou([[x0, y0, x1 - x0, y1 - y0]], [theirs.tolist()], [0])[0, 0])
    outline = shapely.Polygon(supervision.mask_to_polygons(mask)[0]).area
    square = np.array([[10, 10], [10 + side, 10], [10 + side, 10 + side], [10, 10 + side]])
    filled = int(supervision.polygon_to_mask(square, (64, 64)).sum())
    print(
        f"seen:     mask of {side} x {side} = {side**2} pixels: IoU of the boxes {iou:.2f}, area of its "
        f"polygon {outline:g}; polygon of area {side**2} -> mask of {filled} pixels"
    )
    stated = stated and abs(iou - (1 - 1 / side) ** 2) < 1e-6
    stated = stated and outline == (side - 1) ** 2 and filled == (side + 1) ** 2
sys.exit(None if stated else "no longer as stated")
PYTHON
