#!/usr/bin/env bash
# A paired bootstrap, as deepsig's bootstrap_test is called, draws slides and keeps the two scores of each together. deepsig draws the
# scores of the two models each by itself: an advantage on every slide drowns in the differences between slides.
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
from deepsig import bootstrap_test

rng = np.random.default_rng(0)
worse = rng.normal(0.7, 0.12, 20)
better = worse + 0.03 + rng.normal(0, 0.01, 20)
difference = better - worse
drawn = difference[rng.integers(0, 20, (2000, 20))].mean(axis=1)
expected = float((drawn >= 2 * difference.mean()).mean())
seen = bootstrap_test(better, worse, num_samples=2000, seed=1)
shuffled = bootstrap_test(better, worse[rng.permutation(20)], num_samples=2000, seed=1)
print(f"deepsig {version('deepsig')}: F1 of two models on 20 slides, the first better on each by {difference.min():.3f} or more")
print(f"expected: p < 0.001 ({expected} if slides are drawn), and another one if the slides of one model are shuffled")
print(f"seen:     p = {seen}, and {shuffled} if they are")
sys.exit(None if expected < 0.001 and 0.14 < seen < 0.21 and 0.14 < shuffled < 0.21 else "no longer as stated")
PYTHON
