#!/usr/bin/env bash
# The average precision of a detector is an area under the curve over its scores. mapcalc takes the detections in the order they come in,
# which after tiling is that of the tiles: the same detections have another precision in another order, and scores may be anything.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check mapcalc==0.2.2 numpy==2.3.5
cd "$work"
venv/bin/python - <<'PYTHON'
import sys
from importlib.metadata import version

from mapcalc import calculate_map

figures = {"boxes": [[100 * n, 0, 100 * n + 20, 20] for n in range(5)], "labels": [1] * 5}
found = [([100 * n, 0, 100 * n + 20, 20], 0.9) for n in range(5)]
elsewhere = [([100 * n, 500, 100 * n + 20, 520], 0.1) for n in range(20)]


def precision(detections):
    boxes, scores = zip(*detections, strict=True)
    return round(float(calculate_map(figures, {"boxes": list(boxes), "labels": [1] * len(boxes), "scores": list(scores)}, 0.5)), 3)


falling, rising = precision(found + elsewhere), precision(elsewhere + found)
swapped = precision([(box, 1 - score) for box, score in found + elsewhere])
print(f"mapcalc {version('mapcalc')}, five figures found with scores of 0.9, 20 other things with 0.1")
print(f"expected: an average precision of 1 in any order;       seen: {falling} with the figures first, {rising} with them last")
print(f"expected: 0.2 if all scores are taken from 1;           seen: {swapped}")
sys.exit(None if (falling, rising, swapped) == (1.0, 0.2, 1.0) else "no longer as stated")
PYTHON
