#!/usr/bin/env bash
# A detector that finds every figure and nothing else has an F1 of 1. Averaged by image, StarDist's matching_dataset counts a patch
# without figures as 0 if nothing was found in it, and as 0 if ten things were: the mean says how many patches have figures.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check stardist==0.9.2 numpy==2.3.5 scikit-image==0.26.0
cd "$work"
venv/bin/python - <<'PYTHON'
import sys

import numpy as np
import stardist
from stardist.matching import matching_dataset


def patch(*corners):
    labels = np.zeros((100, 100), int)
    for number, x in enumerate(corners, 1):
        labels[10:16, x : x + 6] = number
    return labels


truth = [patch(20)] * 20 + [patch()] * 80
careless = [patch(20)] * 20 + [patch(*range(0, 100, 10))] * 80


def f1(seen, by_image):
    return float(matching_dataset(truth, seen, by_image=by_image, show_progress=False).f1)


perfect, by_image, noisy = f1(truth, False), f1(truth, True), f1(careless, True)
print(f"StarDist {stardist.__version__}, 20 patches with a figure and 80 without")
print(f"all found, nothing else:                 expected: F1 1, by image too; seen: {perfect}, by image {by_image}")
print(f"all found, and ten in every empty patch: expected: less by image than that; seen: by image {noisy}")
sys.exit(None if (perfect, by_image, noisy) == (1.0, 0.2, 0.2) else "no longer as stated")
PYTHON
