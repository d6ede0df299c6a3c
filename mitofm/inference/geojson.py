"""Scores as GeoJSON that QuPath (0.4 and later) opens: a point of each sample on its image, in the colour of its class.

QuPath reads one file into the image that is open, so each image has a file of its own. What of a feature is for QuPath:
`id` (a UUID, by which it knows an object again), `objectType`, `classification` with its colour, `measurements` (numbers
of its tables) and, since 0.5, `metadata` (texts of its tables, which it keeps and exports again; other properties it
drops). Annotations rather than detections: QuPath stores measurements of those in double precision, and lets people
correct their class. See `PathObjectTypeAdapters` and `GsonTools` in github.com/qupath/qupath.
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
"""RGB of each label: of Okabe and Ito (2008), told apart in all common kinds of colour blindness and from H&E."""
_LONGEST_NAME = 60  # characters of an image's name in a file's, of which file systems take 255 bytes


def make_documents(
    out: Path, table: pd.DataFrame, words: Mapping[str, str], origin: Mapping[str, Any]
) -> dict[Path, str]:
    """The text of each file to write: `out` alone if all samples lie in one image, else one file of each beside it.

    Coordinates and scores are written in full precision. All is ASCII, as QuPath up to 0.5 (on Java 17) reads files in the
    encoding of the machine.

    Args:
        out: the file asked for, NAME.geojson; those of several images are NAME-IMAGE.geojson.
        table: of `mitofm.inference.predict.Scores`. A sample that is there twice is written once.
        words: for the labels "0" and "1".
        origin: where the scores are from, to be written beside the features as `mitofm`.
    """
    of_image = dict(iter(table.drop_duplicates("sample_id").groupby("image")))
    images = [str(image) for image in of_image]
    names = {images[0]: ""} if len(images) == 1 else {image: f"-{name}" for image, name in _tell_apart(images).items()}
    return {
        out.with_name(f"{out.stem}{name}{out.suffix}"): json.dumps(
            {
                "type": "FeatureCollection",
                "mitofm": {**origin, "image": image},
                "features": [_make_feature(row, words) for row in of_image[image].to_dict("records")],
            },
            allow_nan=False,
        )
        + "\n"
        for image, name in names.items()
    }


def _make_feature(sample: dict[str, Any], words: Mapping[str, str]) -> dict[str, Any]:
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
    """A part of a file name for each image, as short as tells all of them apart, also where A and a are one file."""
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
