#!/usr/bin/env bash
# Without out_of_bounds no tile should reach beyond the slide. HistoPrep leaves out the last column and the last row; with an overlap of
# more than a half there are two or more of them that reach beyond, and the tiles come filled up with white.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.3.5
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps histoprep==2.0.5
cd "$work"
venv/bin/python - <<'PYTHON'
import importlib.util
import sys
import sysconfig
from importlib.metadata import version

# The function's own file, which needs no more than NumPy: importing histoprep would need a Pillow and a polars of 2023.
spec = importlib.util.spec_from_file_location("tiles", f"{sysconfig.get_path('purelib')}/histoprep/functional/_tiles.py")
tiles = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tiles)

SIZE, TILE = 1024, 256
seen = {}
for overlap in (0.0, 0.25, 0.5, 0.6, 0.75):
    found = tiles.get_tile_coordinates((SIZE, SIZE), TILE, overlap=overlap, out_of_bounds=False)
    seen[overlap] = sum(x + width > SIZE or y + height > SIZE for x, y, width, height in found), len(found)
print(f"HistoPrep {version('histoprep')}, tiles of {TILE} pixels of a slide of {SIZE}, out_of_bounds=False")
for overlap, (beyond, number) in seen.items():
    print(f"overlap {overlap}: expected: 0 tiles that reach beyond; seen: {beyond} of {number}")
sys.exit(None if [beyond for beyond, _ in seen.values()] == [0, 0, 0, 36, 56] else "no longer as stated")
PYTHON
