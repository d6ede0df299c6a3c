#!/usr/bin/env bash
# A bootstrap draws every sample with the same chance. That of Grand Challenge's ROC curves never draws the last one: NumPy's randint
# leaves out its upper end, and one is taken away from that besides. With few positives, sorted last as tables are, that is much.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check grand-challenge-metrics==0.6.0 numpy==2.3.5 scipy==1.17.1 scikit-learn==1.8.0
cd "$work"
venv/bin/python - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
from grand_challenge_metrics.roc import get_bootstrapped_roc_ci_curves
from sklearn.metrics import roc_auc_score

# 60 look-alikes and five figures, four of which are scored above all look-alikes and one below all.
truth = np.repeat([0, 1], [60, 5])
score = np.r_[np.linspace(0.1, 0.5, 60), 0.6, 0.7, 0.8, 0.9, 0.05]


def interval(order):
    found = get_bootstrapped_roc_ci_curves(score[order], truth[order], num_bootstraps=2000)
    return round(float(found.low_az_val), 3), round(float(found.high_az_val), 3)


last, first = interval(np.arange(65)), interval(np.arange(65)[::-1])
print(f"grand-challenge-metrics {version('grand-challenge-metrics')}; AUROC {roc_auc_score(truth, score):.3f}")
print("expected: about the same interval, whether the missed figure is the last row or the first")
print(f"seen:     {last[0]} to {last[1]} if it is the last row, {first[0]} to {first[1]} if it is the first")
sys.exit(None if last == (1.0, 1.0) and first[0] < 0.6 and first[1] == 1.0 else "no longer as stated")
PYTHON
