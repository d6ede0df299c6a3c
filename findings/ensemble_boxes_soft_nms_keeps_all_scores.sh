#!/usr/bin/env bash
# Soft suppression lowers the score of a detection that overlaps a better one, instead of removing it. ensemble-boxes lowers a copy of the
# scores and returns those that it was given: nothing is suppressed. With weights it also changes the caller's lists, again at every call.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check ensemble-boxes==1.0.9 numpy==2.3.5 pandas==2.3.3
cd "$work"
venv/bin/python - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
from ensemble_boxes import nms, soft_nms

# Two detections of one figure and one of another; the IoU of the first two is 0.905.
boxes, scores, labels = [[[0.1, 0.1, 0.3, 0.3], [0.11, 0.1, 0.31, 0.3], [0.6, 0.6, 0.8, 0.8]]], [[0.9, 0.8, 0.5]], [[0, 0, 0]]
overlap = 0.19 / 0.21
expected = {"linear": 0.8 * (1 - overlap), "Gaussian": 0.8 * np.exp(-(overlap**2) / 0.5)}
seen = {}
for method, name in ((1, "linear"), (2, "Gaussian")):
    places, found, _ = soft_nms(boxes, scores, labels, method=method, sigma=0.5, iou_thr=0.5)
    seen[name] = float(found[np.isclose(places[:, 0], 0.11)][0])

given = [[0.9, 0.5], [0.9, 0.5]]
apart = [[[0.1, 0.1, 0.3, 0.3], [0.6, 0.6, 0.8, 0.8]]] * 2
twice = [nms(apart, given, [[0, 0]] * 2, weights=[2, 1])[1].round(2).tolist() for _ in range(2)]
print(f"ensemble-boxes {version('ensemble-boxes')}")
for name in seen:
    print(f"{name}: the second detection of a figure, 0.8, is expected to come out as {expected[name]:.2f}; seen: {seen[name]}")
print(f"the same call of nms with weights twice: expected: the same scores; seen: {twice[0]}, then {twice[1]}")
sys.exit(None if seen == {"linear": 0.8, "Gaussian": 0.8} and twice == [[0.6, 0.33], [0.4, 0.22]] else "no longer as stated")
PYTHON
