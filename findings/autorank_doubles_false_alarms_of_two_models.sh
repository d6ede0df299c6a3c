#!/usr/bin/env bash
# Of two models that do not differ a test at 0.05 should call about 5 in 100 pairs different. For two models on data that are not normal
# autorank looks which median is larger and then tests one-sided for just that direction: nearly twice as many.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check autorank==1.3.0 numpy==2.3.5 scipy==1.17.1 pandas==2.3.3
cd "$work"
venv/bin/python - 2>/dev/null <<'PYTHON'
import contextlib
import io
import sys
from importlib.metadata import version

import numpy as np
import pandas as pd
from autorank import autorank
from scipy.stats import wilcoxon

SLIDES, PAIRS = 15, 500


def p_value(scores):
    with contextlib.redirect_stdout(io.StringIO()):
        return float(autorank(scores, alpha=0.05, verbose=False, force_mode="nonparametric").pvalue)


random = np.random.default_rng(0)
pairs = [pd.DataFrame(random.standard_t(2, (SLIDES, 2)), columns=["one", "other"]) for _ in range(PAIRS)]
seen = np.array([p_value(scores) for scores in pairs])
two_sided = np.array([wilcoxon(scores["one"], scores["other"]).pvalue for scores in pairs])
alarms, expected = (seen < 0.05).mean(), (two_sided < 0.05).mean()
half = np.isclose(seen[two_sided < 0.2], two_sided[two_sided < 0.2] / 2).mean()
print(f"autorank {version('autorank')}, {PAIRS} pairs of models without a difference, {SLIDES} slides, alpha=0.05")
print(f"expected: about 5 % called different (Wilcoxon's test, two-sided: {expected:.1%})")
print(f"seen:     {alarms:.1%}; below 0.2, {half:.0%} of the p-values are half of the two-sided ones")
sys.exit(None if alarms > 0.08 and expected < 0.065 and half > 0.8 else "no longer as stated")
PYTHON
