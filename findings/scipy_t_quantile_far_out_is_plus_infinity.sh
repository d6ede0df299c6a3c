#!/usr/bin/env bash
# The quantile of Student's t at a chance far below 1e-30, with few degrees of freedom that are no integer, as a corrected
# interval or a search for a root may ask for it. It is very negative; scipy.special.stdtrit gives plus infinity.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check scipy==1.17.1 mpmath==1.3.0
cd "$work"
venv/bin/python - <<'PYTHON'
import math
import sys

import mpmath
import scipy
from scipy.special import stdtrit

DF, CHANCE = 3.3, 1e-300


def tail(t):
    """The chance below -t, from the regularised incomplete beta function."""
    df = mpmath.mpf(DF)
    return mpmath.betainc(df / 2, 0.5, 0, df / (df + t * t), regularized=True) / 2


low, high = mpmath.mpf(1), mpmath.mpf(10) ** 200
for _ in range(2000):
    middle = mpmath.sqrt(low * high)
    low, high = (middle, high) if tail(middle) > CHANCE else (low, middle)
seen, nearer = stdtrit(DF, CHANCE), stdtrit(DF, 1e-30)
print(f"scipy {scipy.__version__}")
print(f"expected: {-float(low):.3g} at a chance of {CHANCE}")
print(f"seen:     {seen} there, {nearer:.3g} at 1e-30")
sys.exit(None if seen == math.inf and nearer < 0 else "no longer as stated")
PYTHON
