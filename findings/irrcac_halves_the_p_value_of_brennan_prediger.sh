#!/usr/bin/env bash
# Two pathologists, 12 cells. irrCAC tests four of its five coefficients of raw ratings two-sided, and Brennan and Prediger's one-sided,
# without a word. Of five coefficients that agree on 0.50, that one alone is then below 0.05; from the table of the same ratings it is not.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check irrcac==0.4.4 numpy==1.26.4 pandas==2.3.3
cd "$work"
venv/bin/python - <<'PYTHON'
import sys
from importlib.metadata import version

import pandas as pd
from irrCAC.raw import CAC
from irrCAC.table import CAC as TableCAC
from scipy import stats

first = [1, 1, 1, 1, 1, 0, 0, 0, 0, 1, 0, 1]
second = [1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 1, 0]
ratings = pd.DataFrame({"first": first, "second": second})
raw, table = CAC(ratings), TableCAC(pd.crosstab(ratings["first"], ratings["second"]))
agreement = {name: getattr(raw, name)()["est"] for name in ("bp", "gwet", "fleiss", "krippendorff", "conger")}
two_sided = {name: 2 * stats.t.sf(abs(est["z"]), len(ratings) - 1) for name, est in agreement.items()}
print(f"irrCAC {version('irrcac')}")
for name, est in agreement.items():
    print(f"{name:13}{est['coefficient_value']:.3f}  expected: p {two_sided[name]:.4f}; seen: p {est['p_value']:.4f}")
of_table = table.bp()["est"]["p_value"]
print(f"bp from the table of the same ratings: p {of_table:.4f}")
ratios = {name: round(float(est["p_value"] / two_sided[name]), 2) for name, est in agreement.items()}
as_stated = ratios == {"bp": 0.5, "gwet": 1, "fleiss": 1, "krippendorff": 1, "conger": 1} and of_table > 0.05
sys.exit(None if as_stated else "no longer as stated")
PYTHON
