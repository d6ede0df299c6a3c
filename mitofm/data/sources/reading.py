"""What every format needs of its files: annotations that are not empty, a CSV row by row, images that are there."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path, PurePosixPath

import pandas as pd

from mitofm.data import tabular
from mitofm.ground.errors import MitofmError

IMAGES = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".bmp", ".webp")


def require_content(path: Path, name: str) -> Path:
    """`path`, which holds the annotations of data set `name`. MitofmError if it is empty."""
    if path.stat().st_size == 0:
        raise MitofmError(f"data set {name!r}: {path} is empty (0 bytes), as after a failed download. Fetch it again")
    return path


def read_csv(path: Path, needed: Iterable[str], with_gaps: Iterable[str] = ()) -> pd.DataFrame:
    """The text table in `path`, every value a string or missing; the index is the row in the file (the header is row 1).

    MitofmError if it is no text table, lacks a needed column, or leaves one empty.

    Args:
        needed: columns that every row must fill.
        with_gaps: columns that it must have, too.
    """
    read, needed = tabular.read_numbered(path), list(needed)
    missing = [column for column in (*needed, *with_gaps) if column not in read]
    if missing:
        raise MitofmError(f"{path} lacks the column(s) {', '.join(missing)}; it has: {', '.join(read)}")
    read = read.mask(read == "")
    refuse_empty(read, needed, path)
    return read


def refuse_empty(read: pd.DataFrame, needed: Iterable[str], path: Path) -> None:
    """Raise MitofmError, with its row, for an empty value in the columns `needed` of the table read from `path`."""
    for column in needed:
        empty = read[column].isna()
        if empty.any():
            raise MitofmError(f"{path}: row {empty.idxmax()}: {column} is empty; a value is needed in every row")


def check_images(root: Path, files: Iterable[str], name: str) -> None:
    """Raise MitofmError if some of `files` (relative to `root`) are not there; it counts them and names the first three."""
    wanted = sorted(set(files))
    missing = [file for file in wanted if not (root / file).is_file()]
    if missing:
        shown = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
        raise MitofmError(
            f"data set {name!r}: {len(missing)} of {len(wanted)} image files are missing in {root}: {shown}. "
            "Copy them there, each at the path that its annotations give"
        )


def list_files(folder: Path, depth: float = math.inf) -> list[str]:
    """The files in `folder` and at most `depth` folders below it, sorted, as paths relative to it.

    Those that systems leave are not among them: they are called `._x.png`, or lie in `__MACOSX` or a hidden folder.
    """
    found: list[str] = []
    for place, inside, files in os.walk(folder, followlinks=True):
        below = Path(place).relative_to(folder)
        kept = [name for name in inside if not name.startswith((".", "__MACOSX"))]
        inside[:] = kept if len(below.parts) < depth else []
        found += [(below / file).as_posix() for file in files if not file.startswith(".")]
    return sorted(found)


@cache
def stem(file: str) -> str:
    """The path `file` without its ending and in one word, for the name of a sample."""
    return PurePosixPath(file).with_suffix("").as_posix().replace("/", "-")
