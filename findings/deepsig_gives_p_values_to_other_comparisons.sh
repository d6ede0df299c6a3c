#!/usr/bin/env bash
# Corrected p-values come back in the order of those that were given. deepsig sorts them, corrects them, and puts them back by the wrong
# one of the two permutations: if more than two have changed places, the comparison that differed most is told to differ least.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    deepsig==1.2.8 numpy==2.3.5 scipy==1.17.1 pandas==2.3.3 joblib==1.5.2 statsmodels==0.14.6
cd "$work"
venv/bin/python - <<'PYTHON'
import itertools
import sys
from importlib.metadata import version

from deepsig import bonferroni_correction
from statsmodels.stats.multitest import multipletests

print(f"deepsig {version('deepsig')}; expected: Holm's values, which deepsig's are if the p-values are sorted")
wrong = []
for p_values in itertools.permutations([0.001, 0.03, 0.2]):
    expected = multipletests(p_values, method="holm")[1].round(3).tolist()
    seen = bonferroni_correction(list(p_values)).round(3).tolist()
    print(f"p-values {p_values}: expected: {expected}; seen: {seen}")
    if seen != expected:
        wrong.append((p_values, seen))
stated = [((0.03, 0.2, 0.001), [0.2, 0.003, 0.06]), ((0.2, 0.001, 0.03), [0.06, 0.2, 0.003])]
sys.exit(None if wrong == stated else "no longer as stated")
PYTHON
