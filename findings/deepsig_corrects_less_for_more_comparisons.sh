#!/usr/bin/env bash
# Almost stochastic order with a correction for n comparisons, "Bonferroni" by deepsig's note, tests at a confidence of 1 - 0.05 / n.
# deepsig takes 0.95 + 0.05 / n: certainty for one comparison (multi_aso), right for two, and the less of a correction, the more there are.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check deepsig==1.2.8 numpy==2.3.5 scipy==1.17.1 pandas==2.3.3 joblib==1.5.2
cd "$work"
venv/bin/python - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
from deepsig import aso, multi_aso

rng = np.random.default_rng(3)
better, worse = rng.normal(0.83, 0.03, 15), rng.normal(0.80, 0.03, 15)
options = {"seed": 1, "show_progress": False, "num_bootstrap_iterations": 200, "dt": 0.01}
print(f"deepsig {version('deepsig')}: eps_min of two encoders over 15 runs (below 0.5: the first is better)")
seen, right = {}, {}
for comparisons in (1, 2, 10, 45):
    seen[comparisons] = round(float(aso(better, worse, num_comparisons=comparisons, **options)), 3)
    right[comparisons] = round(float(aso(better, worse, confidence_level=1 - 0.05 / comparisons, **options)), 3)
    print(f"{comparisons} comparisons: expected: {right[comparisons]} (0.05 / {comparisons}); seen: {seen[comparisons]}")
alone = float(multi_aso({"better": better, "worse": worse}, **options)[0, 1])
print(f"the only comparison of multi_aso: expected: {right[1]}; seen: {alone}")
as_stated = alone == 1 and seen[1] == right[1] and seen[2] == right[2] and seen[45] < seen[10] < 0.5 < right[10] < right[45]
sys.exit(None if as_stated else "no longer as stated")
PYTHON
