"""Boxes in a COCO-like JSON file: MIDOG 2021, 2022 and ++ (corner pairs), and plain COCO (x, y, width, height)."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from mitofm.data.annotations import validate
from mitofm.data.sources import reading
from mitofm.data.sources.annotated_images import AnnotatedImages
from mitofm.data.sources.domains import FIELDS, fill
from mitofm.errors import MitofmError, unknown

_BOXES = {"corners": "[x1, y1, x2, y2]", "xywh": "[x, y, width, height]"}
_PARTS = {
    "images": ("id", "file_name"),
    "annotations": ("id", "image_id", "category_id", "bbox"),
    "categories": ("id", "name"),
}


@dataclass
class Coco(AnnotatedImages):
    """A JSON file with `images`, `annotations` and `categories`, and the images it names.

    A cell is the centre of its box, which may hang over the image's border. The slide of an image is the `slide` that
    the JSON gives it, else the image itself. Images without annotations are not in the table. Without any `domains`,
    `domain` (or `tumor_type`), `species` and `scanner` of an image are read from the JSON; with some they are not, as
    MIDOG++ renamed a tumor between versions.

    Args:
        boxes: what a `bbox` holds: "corners" (MIDOG) or "xywh" (COCO). The files do not say, so the config must.
    """

    _: KW_ONLY
    boxes: str

    def __post_init__(self) -> None:
        if self.boxes not in _BOXES:
            raise unknown("source.boxes", self.boxes, _BOXES)
        super().__post_init__()

    def table(self) -> pd.DataFrame:
        """The annotation table.

        Raises:
            MitofmError: the JSON is missing, broken or not COCO-like, a box cannot be, a category has no label, or an
                image no domain; the message names the annotation or the image.
        """
        path = self.files()[0]
        content = _read(path)
        images = {image["id"]: image for image in content["images"]}
        annotations = {entry["id"]: self._cell(entry, images, path) for entry in content["annotations"]}
        cells = pd.DataFrame.from_dict(annotations, orient="index").rename_axis("annotation")
        known = {str(category["id"]): str(category["name"]) for category in content["categories"]}
        labels = self.classes.labels(cells.pop("category"), str(path), known)
        cells = cells.loc[labels.index].assign(label=labels, dataset=self.name)
        cells = fill(cells, cells["image"], self.domains, str(path))
        return validate(cells.assign(image=reading.below(self.images, cells["image"])), str(path))

    def _cell(self, entry: Mapping[str, Any], images: Mapping[Any, Mapping[str, Any]], path: Path) -> dict[str, Any]:
        place = f"{path}: annotation {entry['id']}"
        if entry["image_id"] not in images:
            raise MitofmError(f"{place}: its image_id {entry['image_id']!r} is none of the file's images")
        image = images[entry["image_id"]]
        x, y = self._centre(entry["bbox"], image, place)
        file = image["file_name"]
        said = {} if self.domains else {"domain": image.get("tumor_type")} | {k: image[k] for k in FIELDS if k in image}
        return said | {
            "category": entry["category_id"],
            "sample_id": f"{reading.stem(file)}-{entry['id']}",
            "image": file,
            "slide": image.get("slide", reading.stem(file)),
            "x": x,
            "y": y,
        }

    def _centre(self, box: Any, image: Mapping[str, Any], place: str) -> tuple[float, float]:
        """The centre of `box`, px; refused where the box cannot be what `boxes` says."""
        try:
            x1, y1, x2, y2 = (float(number) for number in box)
        except (TypeError, ValueError):
            raise MitofmError(f"{place}: its bbox is {box!r}; four numbers are needed") from None
        if self.boxes == "xywh":
            x2, y2 = x1 + x2, y1 + y2
        x, y = (x1 + x2) / 2, (y1 + y2) / 2
        width, height = image.get("width", math.inf), image.get("height", math.inf)
        if x1 < x2 and y1 < y2 and 0 <= x <= width and 0 <= y <= height:
            return x, y
        other = next(way for way in _BOXES if way != self.boxes)
        raise MitofmError(
            f"{place}: the box {box} of {image['file_name']} ({width} x {height} px) cannot be {_BOXES[self.boxes]}: it "
            f"would reach from ({x1:g}, {y1:g}) to ({x2:g}, {y2:g}). If it is {_BOXES[other]}, set source.boxes={other}"
        )


def _read(path: Path) -> dict[str, list[dict[str, Any]]]:
    """The JSON in `path`, every entry with the keys that are needed of it."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:  # of JSON, or of its encoding
        raise MitofmError(f"{path} is not a JSON file that can be read: {error}. Fetch it again") from error
    for part, keys in _PARTS.items():
        entries = content.get(part) if isinstance(content, dict) else None
        if not isinstance(entries, list) or not entries:
            raise MitofmError(f"{path} is not COCO-like: it has no list {part!r}, or an empty one")
        for number, entry in enumerate(entries, start=1):
            if not isinstance(entry, dict) or not set(keys) <= set(entry):
                raise MitofmError(f"{path}: entry {number} of {part!r} lacks one of: {', '.join(keys)}")
        most, times = Counter(entry["id"] for entry in entries).most_common(1)[0]
        if times > 1:
            raise MitofmError(f"{path}: {times} of its {part!r} have the id {most!r}; each needs its own")
    return content
