#!/usr/bin/env bash
# 10 % for training and 10 % for validation, as in a study of few labels, should be 100 and 100 of 1000 samples. kaiko-eva's random_split
# takes the sum of the ratios from all samples and each ratio from that sum again; the last part gets what is left.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.3.5
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps kaiko-eva==0.4.5
cd "$work"
venv/bin/python - <<'PYTHON'
import importlib.util
import sys
import sysconfig
from importlib.metadata import version

# The function's own file, which needs no more than NumPy: importing eva.core.data.splitting would need all of eva, and torch.
file = f"{sysconfig.get_path('purelib')}/eva/core/data/splitting/random.py"
spec = importlib.util.spec_from_file_location("splitting", file)
splitting = importlib.util.module_from_spec(spec)
spec.loader.exec_module(splitting)


def sizes(*ratios):
    return tuple(len(part) for part in splitting.random_split(range(1000), *ratios) if part is not None)


expected = {(0.1, 0.1): (100, 100), (0.1, 0.1, 0.1): (100, 100, 100), (0.01, 0.2, 0.2): (10, 200, 200), (0.7, 0.15, 0.15): (700, 150, 150)}
seen = {ratios: sizes(*ratios) for ratios in expected}
print(f"kaiko-eva {version('kaiko-eva')}, ratios for training, validation and test of 1000 samples")
for ratios in expected:
    print(f"{ratios}: expected: {expected[ratios]}; seen: {seen[ratios]}")
as_stated = list(seen.values()) == [(20, 180), (30, 30, 240), (4, 82, 324), (700, 150, 150)]
sys.exit(None if as_stated else "no longer as stated")
PYTHON
