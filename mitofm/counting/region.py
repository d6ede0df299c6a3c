"""A region of interest in GeoJSON, as QuPath exports annotations: polygons in px of level 0."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely.geometry import shape

from mitofm.ground.errors import MitofmError


def read_region(path: Path) -> shapely.Geometry:
    """The union of all polygons in the GeoJSON `path`.

    Raises:
        MitofmError: it cannot be read, or holds no polygon.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        outlines = [shape(geometry) for geometry in _list_geometries(content)]
        region = shapely.union_all([shapely.make_valid(outline) for outline in outlines if outline.area > 0])
    except Exception as error:  # shapely raises whatever it meets first
        raise MitofmError(
            f"region={path}: this GeoJSON cannot be read ({type(error).__name__}: {error}). Export the annotation again"
        ) from error
    if not region.area:
        raise MitofmError(
            f"region={path}: it holds no polygon with an area. Outline the region as a polygon or rectangle"
        )
    return region


def draw_region(region: shapely.Geometry, width: int, height: int, step: int, origin: str) -> np.ndarray:
    """Which pixels of the small picture of an image (`width` x `height` px) have their centre in the region: bool (h, w).

    Raises:
        MitofmError: none has.
    """
    columns, rows = (np.arange(-(-side // step)) for side in (width, height))
    shapely.prepare(region)
    mask = np.stack([shapely.contains_xy(region, (columns + 0.5) * step, (row + 0.5) * step) for row in rows])
    if not mask.any():
        left, top, right, bottom = region.bounds
        raise MitofmError(
            f"{origin}: the region (x {left:.0f} to {right:.0f}, y {top:.0f} to {bottom:.0f} px) lies outside this image of "
            f"{width} x {height} px, or is smaller than 8 micrometres. Its coordinates must be px of the full resolution"
        )
    return mask


def _list_geometries(content: Any) -> Iterator[dict[str, Any]]:
    """Every Polygon and MultiPolygon of a GeoJSON, however it is nested."""
    if isinstance(content, list):
        for one in content:
            yield from _list_geometries(one)
    elif isinstance(content, dict):
        if content.get("type") in ("Polygon", "MultiPolygon"):
            yield content
        for key in ("features", "geometry", "geometries"):
            yield from _list_geometries(content.get(key))
