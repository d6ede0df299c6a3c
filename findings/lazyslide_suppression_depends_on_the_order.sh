#!/usr/bin/env bash
# Suppressing overlapping detections goes by their scores: of three nuclei in a row, each overlapping the next, the two outer ones stay if
# one of them scores highest. LazySlide's nms, which its cell segmentation ends with, goes by the rows, and keeps BC, C or AC of ABC.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check geopandas==1.1.1 shapely==2.1.2 numpy==2.3.5 pandas==2.3.3
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps lazyslide==0.13.0
cd "$work"
venv/bin/python - <<'PYTHON'
import importlib.util
import itertools
import sys
import sysconfig
from importlib.metadata import version

import geopandas as gpd
from shapely.geometry import Point

# The file of lazyslide.cv.nms, which needs no more than GeoPandas: importing lazyslide.cv would need all of it, and torch.
file = f"{sysconfig.get_path('purelib')}/lazyslide/cv/tiles_merger.py"
spec = importlib.util.spec_from_file_location("merging", file)
merging = importlib.util.module_from_spec(spec)
spec.loader.exec_module(merging)

nuclei = gpd.GeoDataFrame({"name": list("ABC"), "score": [0.5, 0.7, 0.9]}, geometry=[Point(x, 0).buffer(10) for x in (0, 10, 20)])
a, b, c = nuclei.geometry
overlaps = f"A and B {merging.iou(a, b):.2f}, of B and C {merging.iou(b, c):.2f}, of A and C {merging.iou(a, c):.2f}"
print(f"LazySlide {version('lazyslide')}; IoU of {overlaps}; threshold 0.2")
print("expected: AC whatever the order: C (0.9) suppresses B (0.7), and nothing suppresses A (0.5)")
seen = {}
for order in itertools.permutations(range(3)):
    rows = nuclei.iloc[list(order)]
    seen["".join(rows["name"])] = "".join(sorted(merging.nms(rows, "score")["name"]))
print("seen:     " + ", ".join(f"{kept} of {rows}" for rows, kept in seen.items()))
sys.exit(None if list(seen.values()) == ["BC", "BC", "C", "C", "AC", "AC"] else "no longer as stated")
PYTHON
