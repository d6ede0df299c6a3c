#!/usr/bin/env bash
# The slope of Passing and Bablok is the median of the slopes of all pairs of slides, shifted by the number of those below -1. methcomp
# divides by that number if the number of pairs is odd, and shifts by half of the slopes below 0: no slope, or any one.
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
from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
from methcomp import passingbablok


def fit_passing_bablok(x, y):
    """The shifted median, for first counts that all differ."""
    slopes = np.sort([(y[j] - y[i]) / (x[j] - x[i]) for i, j in combinations(range(len(x)), 2)])
    return float(np.median(slopes[2 * np.count_nonzero(slopes < -1) :]))


def read_slope(x, y):
    """The slope as the legend of methcomp's plot gives it, or the error."""
    plt.figure()
    try:
        label = passingbablok(x, y).get_legend_handles_labels()[0][-1].get_label()
    except (ArithmeticError, LookupError, ValueError) as error:
        return type(error).__name__
    return re.search(r"\+ (-?[\d.]+) \*", label).group(1)


rng = np.random.default_rng(1)
print(f"methcomp {version('methcomp')}: two counts of the same slides, the slope of Passing and Bablok")
seen = {}
for slides, noise in ((6, 0.3), (10, 8), (14, 8), (30, 8)):
    first = np.sort(rng.choice(60, slides, replace=False)).astype(float)
    second = first + rng.normal(0, noise, slides)
    seen[slides, noise] = read_slope(first, second)
    print(f"{slides} slides, noise {noise}: expected: {fit_passing_bablok(first, second):.2f}; seen: {seen[slides, noise]}")
sys.exit(None if list(seen.values()) == ["ZeroDivisionError", "1.00", "0.26", "-1.50"] else "no longer as stated")
PYTHON
