#!/usr/bin/env bash
# Without a rope baycomp returns two chances, that the first or the second model is better, says its README, and so does two_on_single. Its
# two_on_multiple returns three, with a zero between them: whoever takes the last of two by its place, [1], reads 0 for any two models.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check baycomp==1.0.3 numpy==2.3.5 scipy==1.17.1
cd "$work"
venv/bin/python - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
from baycomp import SignedRankTest, two_on_multiple

rng = np.random.default_rng(0)
first = rng.uniform(0.6, 0.9, 12)
pairs = {"the second is better by 0.02 on average": first + rng.normal(0.02, 0.02, 12), "the two are equal": first.copy()}
print(f"baycomp {version('baycomp')}: F1 of two models on 12 slides")
seen = {}
for name, second in pairs.items():
    wanted = SignedRankTest.probs(first, second, random_state=0)
    seen[name] = two_on_multiple(first, second, random_state=0)
    expected = "0.5 and 0.5" if "equal" in name else "{:.3f} and {:.3f}".format(*wanted)
    print(f"{name}: expected: {expected}; seen: {', '.join(f'{chance:.3f}' for chance in seen[name])}")
(_, better, last), (equal, middle, _) = seen.values()
sys.exit(None if better == middle == 0 and last > 0.9 and equal > 0.6 else "no longer as stated")
PYTHON
