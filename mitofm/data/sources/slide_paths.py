"""Relative paths for the slides of a SlideRunner database, which may say where they lay on its authors' machines."""

from __future__ import annotations

import re

import pandas as pd

_NOT_KNOWN = ("", "None")  # as databases write it
_ABSOLUTE = re.compile(r"[\\/]|[A-Za-z]:")


def make_relative(slides: pd.DataFrame) -> pd.Series:
    """A relative path for each slide, with the index of `slides`; different files have different ones.

    A relative directory belongs to the path: `01` and `01.tif` are `01/01.tif`. An absolute one says where the file lay on
    one machine: of it only as many of the last parts are kept as make the file names unique.

    Args:
        slides: one row per slide, none of them missing a `filename`; `directory`, with slashes of either kind.
    """
    whole = [_split(str(name), directory) for name, directory in slides[["filename", "directory"]].to_numpy()]
    different = len({parts for _, parts in whole})
    for depth in range(1, max([1, *(len(parts) for _, parts in whole)]) + 1):
        short = [parts[-depth:] if absolute else parts for absolute, parts in whole]
        if len(set(short)) == different:
            break
    return pd.Series(["/".join(parts) for parts in short], slides.index, dtype=object)


def _split(name: str, directory: object) -> tuple[bool, tuple[str, ...]]:
    """Whether the path is absolute, and its parts."""
    known = isinstance(directory, str) and directory.strip() not in _NOT_KNOWN and not _ABSOLUTE.match(name)
    path = f"{directory}/{name}" if known else name
    parts = [part.strip() for part in re.split(r"[\\/]+", path.removesuffix("/"))]
    elsewhere = _ABSOLUTE.match(path) is not None or ".." in parts
    return elsewhere, tuple(part.replace(":", "") for part in parts if part not in ("", ".", ".."))
