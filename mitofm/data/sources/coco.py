"""Boxes in a COCO-like JSON file: MIDOG 2021, 2022 and ++ (corner pairs), and plain COCO (x, y, width, height)."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Collection
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mitofm.data.annotations import VOTES, validate
from mitofm.data.sources import reading
from mitofm.data.sources.annotated_images import AnnotatedImages
from mitofm.data.sources.spelling import FIELDS
from mitofm.ground.errors import MitofmError, unknown

_BOXES = {"corners": "[x1, y1, x2, y2]", "xywh": "[x, y, width, height]"}
_PARTS = {
    "images": ("id", "file_name"),
    "annotations": ("id", "image_id", "category_id", "bbox"),
    "categories": ("id", "name"),
}


@dataclass
class Coco(AnnotatedImages):
    """A JSON file with `images`, `annotations` and `categories`, and the images it names.

    A sample is the centre of its box, which may hang over the image's border or lie beyond it. The slide of an image is
    the `slide` that the JSON gives it, else the image itself. Images without annotations are not in the table. Without any
    `domains`, `domain` (or `tumor_type`), `species` and `scanner` of an image are read from the JSON; with some they are
    not, as MIDOG++ renamed a tumor between versions. The `labels` of an annotation are the votes of its experts; they are
    in the table if every sample has some.

    Args:
        boxes: what a `bbox` holds: "corners" (MIDOG) or "xywh" (COCO). The files do not say, so the config must.
    """

    _: KW_ONLY
    boxes: str

    def __post_init__(self) -> None:
        if self.boxes not in _BOXES:
            raise unknown("data.source.boxes", self.boxes, _BOXES)
        super().__post_init__()

    def table(self) -> pd.DataFrame:
        """The annotation table. MitofmError, with its place, for whatever in the files has no meaning."""
        paths = self.files()
        origin, content = str(paths[0]), _read(paths[0])
        entries, images = _join(content, origin)
        x1, y1, x2, y2 = self._to_corners(entries["bbox"], images, origin).T
        centres = pd.DataFrame({"x": (x1 + x2) / 2, "y": (y1 + y2) / 2}, entries.index)
        known = {str(category["id"]): str(category["name"]) for category in content["categories"]}
        labels = self.classes.to_labels(entries["category_id"], origin, known)
        entries, images = entries.loc[labels.index], images.loc[labels.index]
        files = images["file_name"]
        stems = files.map(reading.stem)
        samples = centres.loc[labels.index].assign(
            sample_id=stems + "-" + labels.index.astype(str),
            dataset=self.name,
            label=labels,
            slide=images["slide"].fillna(stems) if "slide" in images else stems,
        )
        if not self.domains:
            samples = samples.join(_read_fields(images))
        if "labels" in entries:
            samples = samples.join(_count_votes(entries["labels"], self.classes.positives(known)))
        return validate(self.describe(samples, files, paths), origin)

    def _to_corners(self, boxes: pd.Series, images: pd.DataFrame, origin: str) -> np.ndarray:
        """x1, y1, x2, y2 of every box, px: (N, 4). Boxes that `boxes` does not fit are refused.

        No single box tells by where it lies: a few of a correct file have their centre outside their image. So that is
        held against `boxes` only if there are many, and fewer if they are read the other way, or if most lie clear of
        their images.
        """
        numbers = [_parse_box(box) for box in boxes]
        if None in numbers:
            entry = boxes.index[numbers.index(None)]
            raise MitofmError(f"{origin}: annotation {entry}: its bbox is {boxes[entry]!r}; four numbers are needed")
        written = np.array(numbers)
        moved = written + np.pad(written[:, :2], ((0, 0), (2, 0)))
        corners, others = (written, moved) if self.boxes == "corners" else (moved, written)
        sizes = images.reindex(columns=["width", "height"]).astype(float).fillna(math.inf).to_numpy()
        outside, clear = _are_off(corners, sizes, 0.5), _are_off(corners, sizes, 0.0)
        better = 2 * (_are_turned(others) | _are_off(others, sizes, 0.5)).sum() < outside.sum()
        other = next(way for way in _BOXES if way != self.boxes)
        way_out = f"If it is {_BOXES[other]}, set data.source.boxes={other}"
        if (turned := _are_turned(corners)).any():
            wrong = turned
        elif outside.mean() > 0.25 and better:
            wrong = outside
        elif clear.mean() > 0.5:
            wrong, way_out = clear, "Is this file of other images, or of these at another size?"
        else:
            return corners
        first = int(wrong.argmax())
        width, height = sizes[first]
        x1, y1, x2, y2 = corners[first]
        raise MitofmError(
            f"{origin}: annotation {boxes.index[first]}: the box {boxes.iloc[first]} of {images['file_name'].iloc[first]} "
            f"({width:g} x {height:g} px) cannot be {_BOXES[self.boxes]}: it would reach from ({x1:g}, {y1:g}) to "
            f"({x2:g}, {y2:g}) ({int(wrong.sum())} such of {len(wrong)}). {way_out}"
        )


def _join(content: dict[str, list[dict[str, Any]]], origin: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The annotations, and of each the image as the file describes it; both by the annotation's id."""
    entries = pd.DataFrame(content["annotations"], dtype=object).set_index("id").rename_axis("annotation")
    images = {image["id"]: image for image in content["images"]}
    for annotation, image in entries["image_id"].items():
        if image not in images:
            raise MitofmError(f"{origin}: annotation {annotation}: its image_id {image!r} is none of the file's images")
    described = pd.DataFrame(list(images.values()), list(images), dtype=object)
    return entries, described.loc[entries["image_id"].to_list()].set_axis(entries.index)


def _parse_box(box: Any) -> tuple[float, ...] | None:
    """The numbers of a box; None if it is not four of them."""
    try:
        numbers = tuple(float(number) for number in box)
    except (TypeError, ValueError):
        return None
    return numbers if len(numbers) == 4 and all(map(math.isfinite, numbers)) else None


def _are_turned(corners: np.ndarray) -> np.ndarray:
    """Whether the second corner of each box (N, 4) is not right of and below the first."""
    return (corners[:, 0] >= corners[:, 2]) | (corners[:, 1] >= corners[:, 3])


def _are_off(corners: np.ndarray, sizes: np.ndarray, share: float) -> np.ndarray:
    """Whether each box (N, 4), made smaller by `share` on each side, lies clear of its image of size (N, 2), px."""
    first, second = corners[:, :2], corners[:, 2:]
    margin = share * (second - first)
    return ((second - margin < 0) | (first + margin > sizes)).any(axis=1)


def _read_fields(images: pd.DataFrame) -> pd.DataFrame:
    """What the file says of each image, of the fields that an annotation table has."""
    said = images.reindex(columns=list(FIELDS))
    if "tumor_type" in images:
        said["domain"] = said["domain"].fillna(images["tumor_type"])
    return said.dropna(axis="columns", how="all")


def _count_votes(votes: pd.Series, positive: Collection[str]) -> pd.DataFrame:
    """The columns of votes, from a list of categories for each sample; no columns if a sample has none."""
    if not all(isinstance(one, list) and one for one in votes):
        return pd.DataFrame(index=votes.index)
    counts = [(sum(str(vote) in positive for vote in one), len(one)) for one in votes]
    return pd.DataFrame(counts, votes.index, list(VOTES))


def _read(path: Path) -> dict[str, list[dict[str, Any]]]:
    """The JSON in `path`, every entry with the keys that are needed of it."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # of JSON, or of its encoding
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
