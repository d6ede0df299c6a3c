#!/usr/bin/env bash
# An interval of a calibration error with alpha=0.1 should hold the inner 90 % of the bootstrap. Its alpha is passed on to a function that
# takes it as a percentage, so the interval reaches from the least to the greatest of the 100 draws, and alpha=0.5 is as wide as 0.1.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check uncertainty-calibration==0.1.4 numpy==2.3.5 scikit-learn==1.8.0
cd "$work"
venv/bin/python - <<'PYTHON'
import sys
from importlib.metadata import version

import calibration
import numpy as np

random = np.random.default_rng(0)
scores = np.round(random.random(400), 1)
truth = (random.random(400) < scores**2).astype(int)
error = calibration.get_calibration_error(scores, truth, p=1, debias=False)


def stated(alpha):
    np.random.seed(0)
    low, _, high = calibration.get_calibration_error_uncertainties(scores, truth, p=1, alpha=alpha)
    return high - low


# The same 100 draws of the same error, by the same seed.
np.random.seed(0)
drawn = []
for _ in range(100):
    rows = np.random.choice(range(400), size=400, replace=True)
    drawn.append(calibration.get_calibration_error(scores[rows], truth[rows], p=1, debias=False))
width = {alpha: np.diff(np.percentile(drawn, [50 * alpha, 100 - 50 * alpha]))[0] for alpha in (0.1, 0.5)}
print(f"uncertainty-calibration {version('uncertainty-calibration')}; error {error:.3f}, from least to greatest draw {np.ptp(drawn):.3f}")
for alpha, expected in width.items():
    print(f"alpha={alpha}: expected: an interval as wide as {expected:.3f}; seen: {stated(alpha):.3f}")
as_stated = stated(0.1) > 1.3 * width[0.1] and stated(0.5) > 3 * width[0.5] and abs(stated(0.5) / stated(0.1) - 1) < 0.1
sys.exit(None if as_stated else "no longer as stated")
PYTHON
