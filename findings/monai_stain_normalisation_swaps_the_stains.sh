#!/usr/bin/env bash
# MONAI's NormalizeHEStains finds the two stains of a patch and paints them in reference colours. Since 1.6 the two are told apart by the
# ratio of red to blue, as if they were colours; they are absorbances, of which haematoxylin has more in the red. Its own reference
# (haematoxylin first) says so. Nuclei get the colour of eosin, all else that of haematoxylin.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check monai==1.6.1 numpy==2.3.5 torch==2.13.0
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --target "$work/before" monai==1.5.2
cd "$work"
cat > normalise.py <<'PYTHON'
import json

import monai
import numpy as np
from monai.apps.pathology.transforms import NormalizeHEStains

normalise = NormalizeHEStains()
haematoxylin, eosin = normalise.target_he.T
rng = np.random.default_rng(0)
row, column = np.mgrid[:256, :256] % 32 - 16
nuclei = row**2 + column**2 < 100
amounts = (
    np.where(nuclei, rng.normal(1.3, 0.15, nuclei.shape), 0.05),
    np.where(nuclei, 0.1, rng.normal(0.6, 0.1, nuclei.shape)),
)
light = np.exp(-amounts[0][..., None] * haematoxylin - amounts[1][..., None] * eosin)
patch = (240 * light).round().astype(np.uint8)
painted = normalise(patch)


def mean(pixels):
    return [pixels[place].mean(0).round().astype(int).tolist() for place in (nuclei, ~nuclei)]


print(json.dumps([monai.__version__, mean(patch), mean(painted)]))
PYTHON
OMP_NUM_THREADS=1 venv/bin/python - <<'PYTHON'
import json
import os
import subprocess
import sys


def run(path=""):
    environment = {**os.environ, "PYTHONPATH": path}
    found = subprocess.run([sys.executable, "normalise.py"], env=environment, capture_output=True, text=True, check=True)
    return json.loads(found.stdout.splitlines()[-1])


now, patch, painted = run()
before, _, right = run("before")
print(f"MONAI {now}, and {before}; a patch of purple nuclei in pink, in the very colours of MONAI's reference")
print(f"expected: nuclei, rest in RGB near the {patch} of the patch; {before}: {right}")
print(f"seen:     {now}: {painted}: the nuclei are pink, all else is purple")


def far(one, other):
    return max(abs(a - b) for a, b in zip(sum(one, []), sum(other, [])))


stated = (before, now) == ("1.5.2", "1.6.1") and far(right, patch) < 20 and far(painted, patch) > 60 and far(painted[::-1], patch) < 40
sys.exit(None if stated else "no longer as stated")
PYTHON
