#!/usr/bin/env bash
# Deming's regression, for two methods that both err, finds the slope of their counts: 2 if one counts twice as many figures, less than 0
# if they disagree. In methcomp the covariance is the variance of the second method: any two of equal spread have a slope of exactly 1.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    methcomp==1.0.0 numpy==2.3.5 scipy==1.17.1 pandas==2.3.3 matplotlib==3.10.7 statsmodels==0.14.6
cd "$work"
MPLBACKEND=agg venv/bin/python - <<'PYTHON'
import re
import sys
from importlib.metadata import version

import matplotlib.pyplot as plt
import numpy as np
from methcomp import deming


def fit_deming(x, y):
    """Intercept and slope with equal variances of both errors, from the covariance matrix."""
    (xx, xy), (_, yy) = np.cov(x, y)
    slope = (yy - xx + np.sqrt((yy - xx) ** 2 + 4 * xy**2)) / (2 * xy)
    return float(np.mean(y) - slope * np.mean(x)), float(slope)


def read_line(x, y):
    """Intercept and slope as the legend of methcomp's plot gives them."""
    plt.figure()
    label = deming(x, y, bootstrap=None).get_legend_handles_labels()[0][-1].get_label()
    return tuple(float(number) for number in re.match(r"(-?[\d.]+) \+ (-?[\d.]+) \* Method 1", label).groups())


rng = np.random.default_rng(0)
counts = np.round(rng.gamma(2, 10, 40))
second = {"twice the first": 2 * counts, "half of it": counts / 2, "60 less it": 60 - counts}
print(f"methcomp {version('methcomp')}: counts of figures of 40 slides, intercept and slope")
seen = {}
for name, other in second.items():
    seen[name] = read_line(counts, other)
    wanted = fit_deming(counts, other)
    print(f"second method {name}: expected: {wanted[0]:.2f} and {wanted[1]:.2f}; seen: {seen[name][0]:.2f} and {seen[name][1]:.2f}")
sys.exit(None if [slope for _, slope in seen.values()] == [1.44, 0.3, 1.0] else "no longer as stated")
PYTHON
