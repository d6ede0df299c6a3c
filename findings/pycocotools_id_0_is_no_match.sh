#!/usr/bin/env bash
# COCO evaluation marks a detection as unmatched by the id 0. An annotation whose id is 0 is found, and
# its detection still counts as a false positive.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    numpy==2.4.6 pycocotools==2.0.11
cd "$work"
OMP_NUM_THREADS=1 venv/bin/python - <<'PYTHON'
import contextlib
import importlib.metadata as metadata
import io
import sys

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval


def evaluate(first, n):
    """AP and recall of `n` perfect detections, one an image, with annotation ids from `first` on."""
    box = {"category_id": 1, "bbox": [10, 10, 50, 50]}
    truth = COCO()
    with contextlib.redirect_stdout(io.StringIO()):
        truth.dataset = {
            "images": [{"id": i + 1, "width": 100, "height": 100} for i in range(n)],
            "annotations": [
                {"id": first + i, "image_id": i + 1, "area": 2500, "iscrowd": 0, **box} for i in range(n)
            ],
            "categories": [{"id": 1, "name": "mitotic figure"}],
        }
        truth.createIndex()
        found = truth.loadRes([{"image_id": i + 1, "score": 0.9 - 0.01 * i, **box} for i in range(n)])
        evaluation = COCOeval(truth, found, "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return round(float(evaluation.stats[0]), 3), round(float(evaluation.stats[8]), 3)


print(f"pycocotools {metadata.version('pycocotools')}")
print("expected: AP 1 and recall 1: each of the annotations is detected with an IoU of 1")
seen = {(first, n): evaluate(first, n) for n in (10, 50) for first in (1, 0)}
for (first, n), (ap, recall) in seen.items():
    print(f"seen:     {n} annotations, ids from {first}: AP {ap}, recall {recall}")
stated = all(
    seen[1, n] == (1.0, 1.0) and seen[0, n][0] < 0.985 and seen[0, n][1] == round(1 - 1 / n, 3)
    for n in (10, 50)
)
sys.exit(None if stated else "no longer as stated")
PYTHON
