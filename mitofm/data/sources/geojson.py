"""Points in GeoJSON, as QuPath exports its objects and `mitofm predict` its scores; positions are px of level 0.

A sample is a point, each of several points in one object, or the centroid of an outline's area. See RFC 7946 and
https://qupath.readthedocs.io/en/stable/docs/advanced/exporting_annotations.html.
"""

from __future__ import annotations

import json
import logging
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from mitofm.data import tabular
from mitofm.data.annotations import UNKNOWN
from mitofm.data.sources.points import Labels, Points
from mitofm.ground.errors import MitofmError

_log = logging.getLogger(__name__)
_ENDINGS = (".geojson", ".json")
_TEXT = ("image", "slide", "domain", "sample_id")
_JSON = re.compile(rb'(\xef\xbb\xbf)?\s*(\[\s*)?\{\s*("|$)')
_FULL = 17  # decimals: numbers of JSON are not rounded
_OUTLINES = ("Polygon", "MultiPolygon")
_POINTS = ("Point", "MultiPoint")


def is_geojson(path: Path) -> bool:
    """Whether `path` is JSON rather than a table, by its ending or by how it begins."""
    if _bare(path).lower().endswith(_ENDINGS):
        return True
    with path.open("rb") as file:
        return bool(_JSON.match(file.read(64)))


def stem(path: Path) -> str:
    """The name of the file without what says that it is GeoJSON: `a.svs` of `a.svs.geojson.gz`."""
    name = _bare(path)
    return Path(name).stem if name.lower().endswith(_ENDINGS) else name


def read(path: Path, labelled: bool, labels: Labels, unit: str) -> Points:
    """The samples of the GeoJSON in `path`, gzipped or not; its features are counted from 1.

    The class of a feature is its `classification` (QuPath's object, its name, or a list of names), else its `name`. What
    `mitofm predict` writes is read back: image, slide, domain, and the names of the samples if no two are equal.
    MitofmError if it is no GeoJSON, or a sample's class or geometry cannot be read; with its feature.

    Args:
        labelled: whether classes are labels; if not, every feature is a sample without one.
        unit: of x and y, which GeoJSON does not say.
    """
    try:
        content = json.loads(tabular.read_text(path))
    except (ValueError, RecursionError) as error:
        raise MitofmError(f"{path} is not a GeoJSON file that can be read: {error}. Export it again") from error
    if labelled and isinstance(content, dict) and isinstance(content.get("mitofm"), dict):
        _log.warning(
            "%s: its classes are what cell %s predicted, not what an expert said", path, content["mitofm"].get("cell")
        )
    features = pd.Series(dict(enumerate(_list_features(content, path), start=1)), dtype=object)
    features.index.name = "feature"
    label = labels(features.map(_read_class), str(path)) if labelled else pd.Series(UNKNOWN, features.index)
    entries = [
        {"feature": number, "x": x, "y": y, "label": label[number], **_read_words(features[number])}
        for number in label.index
        for x, y in _find_centres(features[number].get("geometry"), f"{path}: feature {number}")
    ]
    read = pd.DataFrame(entries, columns=["feature", "x", "y", "label", *_TEXT]).set_index("feature")
    complete = [key for key in _TEXT if read[key].notna().all()]
    if read["sample_id"].duplicated().any() and "sample_id" in complete:
        complete.remove("sample_id")
    return Points(read[["x", "y", "label", *complete]].astype({"x": float, "y": float}), unit, _FULL)


def _list_features(content: Any, path: Path) -> Iterator[dict[str, Any]]:
    """Every feature, whether the file is a collection, a list, one feature or a bare geometry."""
    if isinstance(content, list):
        for one in content:
            yield from _list_features(one, path)
    elif isinstance(content, dict) and content.get("type") == "FeatureCollection":
        yield from _list_features(content.get("features") or [], path)
    elif isinstance(content, dict) and content.get("type") == "Feature":
        yield content
    elif isinstance(content, dict) and ("coordinates" in content or "geometries" in content):
        yield {"geometry": content}
    else:
        kind = content.get("type") if isinstance(content, dict) else type(content).__name__
        raise MitofmError(
            f"{path} is not GeoJSON: it holds {kind!r}, and a FeatureCollection or Features are needed, as QuPath exports "
            "them (File > Export objects as GeoJSON)"
        )


def _properties(feature: dict[str, Any]) -> dict[str, Any]:
    properties = feature.get("properties")
    return properties if isinstance(properties, dict) else {}


def _read_class(feature: dict[str, Any]) -> str:
    """The class of a feature; "" if it has none."""
    properties = _properties(feature)
    said = properties.get("classification")
    if isinstance(said, dict):
        said = said.get("name") or said.get("names")
    if isinstance(said, list):  # QuPath's derived classes, as it writes them in one word
        said = ": ".join(map(str, said))
    return str(said or properties.get("name") or "").strip()


def _read_words(feature: dict[str, Any]) -> dict[str, str]:
    """What the properties say of a sample. QuPath keeps only the `metadata` of what it has read and exports again."""
    properties = _properties(feature)
    metadata = properties.get("metadata")
    said = {**(metadata if isinstance(metadata, dict) else {}), **properties}
    return {key: said[key].strip() for key in _TEXT if isinstance(said.get(key), str) and said[key].strip()}


def _find_centres(geometry: Any, place: str) -> Iterator[tuple[float, float]]:
    """The positions of a geometry's samples."""
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if kind == "GeometryCollection":
        for one in geometry.get("geometries") or []:
            yield from _find_centres(one, place)
        return
    if kind not in (*_POINTS, *_OUTLINES):
        raise MitofmError(
            f"{place}: its geometry is {kind or 'missing'}; a sample is a Point, a MultiPoint, or the centroid of a Polygon "
            "or MultiPolygon. Delete it, or give it a class of its own and name that under data.source.ignored"
        )
    try:
        coordinates = geometry["coordinates"]
        if kind in _OUTLINES:
            from shapely.geometry import shape  # imported when needed: points need no geometry

            coordinates = shape(geometry).centroid.coords
        found = [coordinates] if kind == "Point" else coordinates
        centres = [(float(x), float(y)) for x, y, *_ in found]
    except Exception as error:  # shapely raises whatever it meets first
        raise MitofmError(f"{place}: its {kind} cannot be read ({error})") from error
    if not centres or not all(map(math.isfinite, (number for centre in centres for number in centre))):
        raise MitofmError(f"{place}: its {kind} has no position")
    yield from centres


def _bare(path: Path) -> str:
    return path.name[: -len(".gz")] if path.name.lower().endswith(".gz") else path.name
