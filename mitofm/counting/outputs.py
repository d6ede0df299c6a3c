"""The files of one counted slide: its detections as parquet, CSV and GeoJSON, and a summary, which is written last."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import numpy as np
import pandas as pd
from PIL import Image

from mitofm.counting.hotspot import Hotspot
from mitofm.ground import below
from mitofm.ground.csv_cells import to_csv
from mitofm.ground.files import replacing, write_json, write_parquet, write_text
from mitofm.inference.geojson import make_feature

SUMMARY, CANDIDATES, PICTURE = "summary.json", "candidates.parquet", "overview.png"
DETECTIONS = "detections"
HOTSPOT = "hotspot"
_COLOUR = [0, 158, 115]  # of the rectangle: from Okabe and Ito, beside those of the two classes


def write_slide(
    folder: Path,
    detections: pd.DataFrame,
    hotspot: Hotspot | None,
    words: Mapping[str, str],
    origin: Mapping[str, Any],
    summary: Mapping[str, Any],
) -> None:
    """Write all files of a slide into its folder.

    Args:
        detections: sample_id, image, slide, domain, x, y (px of level 0), mpp, logit, probability, predicted, in_hotspot.
        hotspot: in px of level 0.
        words: those for the labels "0" and "1".
        origin: what is said of the cell beside the features.
        summary: the slide's row in the table.
    """
    write_parquet(folder / f"{DETECTIONS}.parquet", detections)
    named = detections.assign(predicted=detections["predicted"].astype(str).map(words)).rename(
        columns={"predicted": "class"}
    )
    write_text(folder / f"{DETECTIONS}.csv", to_csv(named))
    features = [make_feature(row, words) for row in detections.to_dict("records")]
    if hotspot is not None:
        features.append(make_rectangle(hotspot, str(summary["image"])))
    document = {
        "type": "FeatureCollection",
        "mitofm": {**origin, "image": summary["image"]},
        "features": features,
    }
    write_text(folder / f"{DETECTIONS}.geojson", json.dumps(document, allow_nan=False) + "\n")
    write_json(folder / SUMMARY, summary)


def make_rectangle(hotspot: Hotspot, image: str) -> dict[str, Any]:
    """The hotspot as a GeoJSON feature of class "hotspot", which QuPath shows as a locked rectangle."""
    left, top = hotspot.left, hotspot.top
    right, bottom = left + hotspot.width, top + hotspot.height
    corners = [[left, top], [right, top], [right, bottom], [left, bottom], [left, top]]
    return {
        "type": "Feature",
        "id": str(uuid5(NAMESPACE_URL, f"mitofm:hotspot:{image}")),
        "geometry": {"type": "Polygon", "coordinates": [corners]},
        "properties": {
            "objectType": "annotation",
            "name": f"hotspot: {hotspot.count}",
            "classification": {"name": HOTSPOT, "color": _COLOUR},
            "isLocked": True,
            "measurements": {"count": hotspot.count},
            "image": image,
        },
    }


def write_picture(folder: Path, small: np.ndarray) -> None:
    """Write the small picture of a slide, (h, w, 3) uint8."""
    with replacing(folder / PICTURE) as temporary:
        Image.fromarray(small).save(temporary, format="PNG")


def read_picture(folder: Path) -> np.ndarray:
    """The small picture that `write_picture` wrote."""
    with Image.open(below.check(folder / PICTURE)) as picture:
        return np.asarray(picture.convert("RGB"))
