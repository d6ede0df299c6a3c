#!/usr/bin/env bash
# Bland and Altman plot the difference of two methods, in per cent if wanted, against the mean of both. methcomp takes the mean of the
# first method and the first method: the limits of agreement depend on which comes first, and a slide without figures makes them infinite.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    methcomp==1.0.0 numpy==2.3.5 scipy==1.17.1 pandas==2.3.3 matplotlib==3.10.7 statsmodels==0.14.6
cd "$work"
MPLBACKEND=agg venv/bin/python -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import matplotlib.pyplot as plt
import numpy as np
from methcomp import blandaltman


def read_plot(first, second):
    """The mean difference in per cent and where the first slide lies on the axis "Mean of methods", from the plot itself."""
    plt.figure()
    # Without an interval: its computation names an argument that SciPy has had under another name since 1.11.
    axes = blandaltman(first, second, diff="percentage", CI=None)
    return round(float(axes.lines[0].get_ydata()[0]), 1), float(axes.collections[0].get_offsets()[0][0])


def compute(first, second):
    mean = (first + second) / 2
    return round(float(np.mean(100 * (first - second) / mean)), 1), float(mean[0])


pathologist, model = np.array([10.0, 4, 8, 20, 6, 12]), np.array([20.0, 5, 12, 22, 10, 24])
none = np.array([10.0, 0, 8, 20, 6, 12])
cases = {"pathologist, model": (pathologist, model), "model, pathologist": (model, pathologist), "a slide without figures": (none, model)}
print(f"methcomp {version('methcomp')}: counts of figures, mean difference in per cent, and place of the first slide (10 and 20 figures)")
seen = []
for name, pair in cases.items():
    seen.append(read_plot(*pair))
    print("{}: expected: {} %, at {}; seen: {} %, at {}".format(name, *compute(*pair), *seen[-1]))
sys.exit(None if seen == [(-58.6, 10.0), (33.7, 20.0), (float("-inf"), 10.0)] else "no longer as stated")
PYTHON
