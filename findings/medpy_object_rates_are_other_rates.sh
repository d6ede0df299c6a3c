#!/usr/bin/env bash
# The object-wise true positive rate is the share of the reference's figures that are found, as MedPy's notes on obj_tpr say too.
# MedPy divides by the number of predictions instead, and obj_fpr by the number of figures: they are precision and the share missed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check medpy==0.5.2 numpy==2.3.5 scipy==1.17.1
cd "$work"
venv/bin/python - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
from medpy.metric.binary import obj_fpr, obj_tpr


def mask(corners):
    image = np.zeros((100, 100), bool)
    for x, y in corners:
        image[y : y + 5, x : x + 5] = True
    return image


figures = [(10, 10), (30, 10), (50, 10), (70, 10)]
elsewhere = [(x, y) for x in (10, 30, 50, 70) for y in (40, 60, 80)]
timid, eager = mask(figures[:1]), mask(figures + elsewhere)
found = {name: (obj_tpr(seen, mask(figures)), obj_fpr(seen, mask(figures))) for name, seen in (("timid", timid), ("eager", eager))}
print(f"MedPy {version('medpy')}, four figures")
print("one of them found, nothing else: expected: true positive rate 0.25, false positive 0; seen: {} and {}".format(*found["timid"]))
print("all four found, and 12 others: expected: true positive rate 1, false positive 0.75; seen: {} and {}".format(*found["eager"]))
sys.exit(None if found == {"timid": (1.0, 0.75), "eager": (0.25, 0.0)} else "no longer as stated")
PYTHON
