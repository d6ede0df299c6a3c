"""Positions to score from a file of any detector: CSV (QuPath's too), parquet or GeoJSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from mitofm.data.sources import geojson, points_table
from mitofm.data.sources.points import PX, Points
from mitofm.ground.errors import MitofmError

_COLUMNS = {"x": "x", "y": "y", "image": "filename"}


def read_points(path: Path, images: Sequence[str], mpps: Mapping[str, float]) -> dict[str, np.ndarray]:
    """The positions in each of `images` (their paths) that the file lists: x and y in px of level 0, float64 (n, 2).

    An image is found by its path, its name, or its name without ending. If there is one image, the file need not name it.
    `mpps` are the micrometres per px of each, for a table in micrometres.

    Raises:
        MitofmError: it cannot be read, names another image, or none while there are several.
    """
    try:
        points = _read(path, named=True)
    except MitofmError:
        if len(images) > 1:
            raise
        points = _read(path, named=False)
    entries = points.entries
    if "image" in entries:
        known = _list_names(images)
        which = entries["image"].map(known)
        if which.isna().any():
            raise MitofmError(
                f"proposals={path}: {entries['image'][which.isna()].iloc[0]!r} is none of the {len(images)} images here, of "
                f"which the first is {images[0]!r}"
            )
    elif len(images) == 1:
        which = pd.Series(images[0], index=entries.index)
    else:
        raise MitofmError(
            f"proposals={path}: it names no images, and there are {len(images)}. Add a column filename, or count one slide"
        )
    placed = points.to_pixels(which.map(mpps))
    return {image: placed.loc[which == image, ["x", "y"]].to_numpy(np.float64) for image in images}


def _read(path: Path, named: bool) -> Points:
    if not path.is_file():
        raise MitofmError(f"proposals={path}: there is no such file. Give blobs, dense, or a CSV, parquet or GeoJSON")
    if path.suffix.lower() == ".parquet":
        return _read_parquet(path)
    if geojson.is_geojson(path):
        return geojson.read(path, labelled=False, labels=_no_labels, unit=PX)
    columns = _COLUMNS if named else {key: _COLUMNS[key] for key in "xy"}
    return points_table.read(path, columns, None, _no_labels, [], [])


def _read_parquet(path: Path) -> Points:
    try:
        table = pd.read_parquet(path)
        entries = table[[column for column in ("x", "y", "image") if column in table]].astype({"x": float, "y": float})
    except (OSError, ValueError, KeyError) as error:
        raise MitofmError(f"proposals={path}: a parquet with the columns x and y is needed ({error})") from error
    return Points(entries, PX, 17)


def _no_labels(classes: pd.Series, _: str) -> pd.Series:
    return pd.Series(0, classes.index)


def _list_names(images: Sequence[str]) -> dict[str, str]:
    """What an image may be called, if no two are called so."""
    known: dict[str, str] = {}
    for name in (lambda path: path, lambda path: PurePosixPath(path).name, lambda path: PurePosixPath(path).stem):
        called = [name(image) for image in images]
        known = {one: image for one, image in zip(called, images, strict=True) if called.count(one) == 1} | known
    return known
