"""Scores as GeoJSON for QuPath (0.4 and later): a point for each sample on its image, in the colour of its class.

QuPath reads one file into the image that is open, so each image has its own file. It uses of a feature `id` (a UUID by which
it recognises an object), `objectType`, `classification` with its colour, `measurements` (numbers of its tables) and, since
0.5, `metadata` (texts of its tables); it drops other properties. Samples are annotations and not detections because QuPath
stores measurements of annotations in double precision and lets people correct their class. Source: `PathObjectTypeAdapters`
and `GsonTools` in github.com/qupath/qupath.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pandas as pd

_COLOURS = {0: [86, 180, 233], 1: [213, 94, 0]}
"""RGB of each label: from Okabe and Ito (2008), distinct in all common kinds of colour blindness and on H&E."""
_LONGEST_NAME = 60  # characters of an image's name in a file name; file systems allow 255 bytes


def make_documents(
    out: Path, table: pd.DataFrame, words: Mapping[str, str], origin: Mapping[str, Any]
) -> dict[Path, str]:
    """The text of each file: `out`, NAME.geojson, if all samples lie in one image, else NAME-IMAGE.geojson for each image.

    Numbers are written in full precision, text in ASCII: QuPath up to 0.5 (on Java 17) reads the encoding of the machine.

    `table` is that of `mitofm.inference.predict.Scores`; a sample that occurs twice is written once. `words` are those for
    the labels "0" and "1"; the `origin` of the scores is written as `mitofm` beside the features.
    """
    of_image = dict(iter(table.drop_duplicates("sample_id").groupby("image")))
    images = [str(image) for image in of_image]
    names = {images[0]: ""} if len(images) == 1 else {image: f"-{name}" for image, name in _tell_apart(images).items()}
    return {
        out.with_name(f"{out.stem}{name}{out.suffix}"): json.dumps(
            {
                "type": "FeatureCollection",
                "mitofm": {**origin, "image": image},
                "features": [make_feature(row, words) for row in of_image[image].to_dict("records")],
            },
            allow_nan=False,
        )
        + "\n"
        for image, name in names.items()
    }


def make_feature(sample: dict[str, Any], words: Mapping[str, str]) -> dict[str, Any]:
    """A sample as a point: sample_id, image, slide, domain, x, y, mpp, predicted, probability, logit, and label if it is known."""
    known = {key: sample[key] for key in ("sample_id", "image", "slide", "domain")}
    if "label" in sample:
        known["label"] = words[str(sample["label"])]
    return {
        "type": "Feature",
        "id": str(uuid5(NAMESPACE_URL, f"mitofm:{sample['sample_id']}")),
        "geometry": {"type": "Point", "coordinates": [sample["x"], sample["y"]]},
        "properties": {
            "objectType": "annotation",
            "classification": {"name": words[str(sample["predicted"])], "color": _COLOURS[sample["predicted"]]},
            "measurements": {"probability": sample["probability"], "logit": sample["logit"]},
            "metadata": known,
            **known,
            "mpp": None if pd.isna(sample["mpp"]) else sample["mpp"],
        },
    }


def _tell_apart(images: list[str]) -> dict[str, str]:
    """The shortest parts of file names that differ between all images, also on file systems that ignore case."""
    ways: tuple[Callable[[PurePosixPath], str], ...] = (
        lambda path: path.stem,
        lambda path: path.name,
        lambda path: "-".join([*path.parts[:-1], path.stem]),
        lambda path: "-".join(path.parts),
    )
    for way in ways:
        names = {image: re.sub(r"[^\w.-]", "_", way(PurePosixPath(image)))[-_LONGEST_NAME:] for image in images}
        if len({name.casefold() for name in names.values()}) == len(images):
            return names
    return {image: f"{name}-{hashlib.sha256(image.encode()).hexdigest()[:12]}" for image, name in names.items()}
