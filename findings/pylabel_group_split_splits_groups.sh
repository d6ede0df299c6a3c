#!/usr/bin/env bash
# A split by groups keeps all annotations of an image, or of any column that is named, on one side. PyLabel's GroupShuffleSplit takes each
# row for a group of its own, whatever column is named: nearly every image is in training, test and validation.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    numpy==2.3.5 pandas==2.3.3 scikit-learn==1.7.2 matplotlib==3.10.7 opencv-python-headless==4.13.0.90 PyYAML==6.0.3 tqdm==4.67.1 \
    ipywidgets==8.1.8 jupyter-bbox-widget==0.6.0 pillow==12.0.0
# Without its other needs: the OpenCV with windows, in place of the headless one above.
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps pylabel==0.1.55 bbox-visualizer==0.2.1
cd "$work"
venv/bin/python -W ignore - <<'PYTHON'
import json
import sys
from importlib.metadata import version

from pylabel import importer

images = [{"id": i, "file_name": f"slide_{i:02}.png", "width": 1000, "height": 1000} for i in range(40)]
box = {"category_id": 1, "area": 2500, "iscrowd": 0, "segmentation": []}
boxes = [box | {"id": 10 * i + k, "image_id": i, "bbox": [90 * k, 90 * k, 50, 50]} for i in range(40) for k in range(10)]
with open("figures.json", "w") as file:
    json.dump({"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "mitotic figure"}]}, file)
dataset = importer.ImportCoco("figures.json", path_to_images="", name="figures")
dataset.splitter.GroupShuffleSplit(train_pct=0.6, test_pct=0.2, val_pct=0.2, group_col="img_filename", random_state=0)
parts = dataset.df.groupby("img_filename")["split"].agg(set)
leaking = sum("train" in part and len(part) > 1 for part in parts)
print(f"PyLabel {version('pylabel')}: 40 images with 10 figures each, split by img_filename into 60, 20 and 20 %")
print("expected: 24 images in training, none of them in test or validation")
print(f"seen:     {sum('train' in part for part in parts)} images in training, {leaking} of them in test or validation, too")
sys.exit(None if leaking >= 38 else "no longer as stated")
PYTHON
