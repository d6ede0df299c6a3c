#!/usr/bin/env bash
# Of nuclei found twice where tiles overlap, one each should stay. HistomicsTK's remove_overlap_nuclei never compares with the nucleus at
# index 0, which any() takes for False, and compares with nuclei that it has removed already: in a row of touching ones all but one go.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check shapely==2.1.2 numpy==2.3.5
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps histomicstk==1.4.0
cd "$work"
venv/bin/python - <<'PYTHON'
import importlib.util
import sys
import sysconfig
from importlib.metadata import version

# The function's own file, which needs no more than Shapely: importing histomicstk would need a great deal.
file = f"{sysconfig.get_path('platlib')}/histomicstk/segmentation/label/remove_overlap_nuclei.py"
spec = importlib.util.spec_from_file_location("overlap", file)
overlap = importlib.util.module_from_spec(spec)
spec.loader.exec_module(overlap)


def kept(*lefts):
    """The left sides of the nuclei, squares of 10 pixels, that are kept of those with these left sides."""
    nuclei = [{"points": [[x, 0, 0], [x + 10, 0, 0], [x + 10, 10, 0], [x, 10, 0]], "left": x} for x in lefts]
    return [nucleus["left"] for nucleus in overlap.remove_overlap_nuclei(nuclei, "polygon")]


twice, after, row = kept(0, 1), kept(500, 0, 1), kept(500, 0, 8, 16, 24, 32)
print(f"HistomicsTK {version('histomicstk')}, squares of 10 pixels by their left sides")
print(f"two on top of each other:       expected: [0]; seen: {twice}")
print(f"the same two after another one: expected: [500, 0]; seen: {after}")
print(f"a row that overlaps by two:     expected: [500, 0, 16, 32], none of which overlap; seen: {row}")
sys.exit(None if (twice, after, row) == ([0, 1], [500, 0], [500, 0]) else "no longer as stated")
PYTHON
