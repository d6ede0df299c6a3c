#!/usr/bin/env bash
# A FROC curve has a point for every score that a detection has, the last of them with all detections. MONAI's goes through the sorted
# scores from the second on: what has the lowest score is never detected. With few detections that is much, with hard decisions all.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check monai==1.6.1 numpy==2.3.5 torch==2.13.0
cd "$work"
OMP_NUM_THREADS=1 venv/bin/python -W ignore - <<'PYTHON'
import sys

import monai
import numpy as np
from monai.metrics import compute_froc_curve_data, compute_froc_score

PERFECT = np.array([0.9, 0.8, 0.7, 0.6])


def score(found, false, targets=None):
    false_per_image, sensitivity = compute_froc_curve_data(
        np.asarray(false, float), np.asarray(found, float), targets or len(found), num_images=1
    )
    return float(compute_froc_score(false_per_image, sensitivity))


seen = {
    "4 of 4 found, nothing false": score(PERFECT, []),
    "the same, and one false detection below all of them": score(PERFECT, [0.1]),
    "the same 4, their scores rounded to 1": score(np.ones(4), []),
    "40 of 40 found with scores rounded to 1 or 0.9": score(np.repeat([1.0, 0.9], 20), []),
}
print(f"MONAI {monai.__version__}, one image; the score is the mean sensitivity at 0.25 to 8 false detections an image")
print("expected: 1 in each case, every figure is found and at most one detection is false")
for case, value in seen.items():
    print(f"seen:     {value:.3f}: {case}")
sys.exit(None if list(seen.values()) == [0.75, 1.0, 0.0, 0.5] else "no longer as stated")
PYTHON
