#!/usr/bin/env bash
# The class of a patch is the class of the annotation that its centre lies in. WholeSlideData takes the smallest annotation whose bounding
# box the centre lies in: a thin strip of stroma across a tumour gives its label to all tumour in its box.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
# Its own pins (Shapely 1.7.1, Rtree 1.0.0) have no wheels for Python 3.11; Shapely 1.8.5 has, for no later Python.
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    numpy==1.26.4 scipy==1.15.3 shapely==1.8.5.post1 rtree==1.4.1 opencv-python-headless==4.11.0.86 scikit-image==0.25.2 \
    creationism==0.0.5 openslide-python==1.4.3 openslide-bin==4.0.1.2 jsonschema==4.25.1 matplotlib==3.10.7 PyYAML==6.0.3
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps wholeslidedata==0.0.16
cd "$work"
venv/bin/python -W ignore - <<'PYTHON'
import json
import sys
from importlib.metadata import version

import numpy as np
from shapely.geometry import Point, Polygon
from wholeslidedata.annotation.wholeslideannotation import WholeSlideAnnotation
from wholeslidedata.samplers.patchlabelsampler import ClassificationPatchLabelSampler

tumour = [[0, 0], [1000, 0], [1000, 1000], [0, 1000]]
strip = [[100, 100], [150, 100], [900, 850], [900, 900], [850, 900], [100, 150]]
regions = [("tumour", 1, tumour), ("stroma", 2, strip)]
with open("regions.json", "w") as file:
    shared = {"type": "polygon"}
    json.dump([shared | {"index": i, "coordinates": c, "label": {"name": n, "value": v}} for i, (n, v, c) in enumerate(regions)], file)
annotation = WholeSlideAnnotation("regions.json", labels={"tumour": 1, "stroma": 2})
sampler = ClassificationPatchLabelSampler()
centres = [Point(*xy) for xy in np.random.default_rng(0).uniform(0, 1000, (2000, 2))]
in_strip = np.array([Polygon(strip).contains(centre) for centre in centres])
labels = np.array([sampler.sample(annotation, centre, (64, 64), 1)[0] for centre in centres])
wrong = np.count_nonzero(labels[~in_strip] == 2)
print(f"WholeSlideData {version('wholeslidedata')}: 2000 patches in a tumour with a strip of stroma, {in_strip.sum()} of them in the strip")
print(f"expected: {in_strip.sum()} patches of stroma, none of them in the tumour")
print(f"seen:     {np.count_nonzero(labels == 2)} patches of stroma, {wrong} of them in the tumour")
sys.exit(None if (in_strip.sum(), wrong) == (132, 1162) else "no longer as stated")
PYTHON
