#!/usr/bin/env bash
# The accuracy of each class of a confusion matrix is a share. Grand Challenge's function divides without a remainder, so that every
# accuracy but a perfect one is 0.
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
from grand_challenge_metrics.stats import accuracies_from_confusion_matrix

confusion = np.array([[90, 1, 0], [2, 80, 0], [0, 0, 70]])  # mitotic figures, look-alikes, artefacts
seen = accuracies_from_confusion_matrix(confusion).tolist()
print(f"grand-challenge-metrics {version('grand-challenge-metrics')}; confusion matrix {confusion.tolist()}")
print("expected: accuracies of 0.988, 0.988 and 1 (240, 240 and 243 of 243)")
print(f"seen:     {seen}")
sys.exit(None if seen == [0.0, 0.0, 1.0] else "no longer as stated")
PYTHON
