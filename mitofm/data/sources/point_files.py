"""The files of points that a config names: by name, by pattern, or the only one in a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mitofm.data.sources.finding import describe, find
from mitofm.data.sources.spelling import list_words
from mitofm.ground.errors import MitofmError

USUAL = "cells.csv"
"""The name in the shipped config, which stands for the only file of points in the folder if there is none of that name."""
_ENDINGS = (".csv", ".tsv", ".geojson", ".csv.gz", ".tsv.gz", ".geojson.gz")
_MARKS = "*?["


def list_files(root: Path, names: str | Sequence[str], what: str) -> list[Path]:
    """The files in `root` of the names or patterns (`*.geojson`), in their order and each once.

    MitofmError, about the files of `what` ("data set 'mine'"), if one is not there, or a pattern matches none.
    """
    found: dict[Path, None] = {}
    for name in list_words(names):
        is_pattern = any(mark in name for mark in _MARKS) and not (root / name).is_file()
        found |= dict.fromkeys(_match(root, name, what) if is_pattern else [_find(root, name, what)])
    return list(found)


def _match(root: Path, pattern: str, what: str) -> list[Path]:
    anchor = Path(pattern).anchor  # pathlib takes no absolute patterns
    found = sorted(path for path in Path(anchor or root).glob(pattern.removeprefix(anchor)) if path.is_file())
    if not found:
        raise MitofmError(f"{what}: no file in {root} is called like {pattern!r}; {describe(root)}")
    return found


def _find(root: Path, name: str, what: str) -> Path:
    try:
        return find(root, name, what)
    except MitofmError:
        found = sorted(path for path in root.glob("*") if path.name.lower().endswith(_ENDINGS))
        if name != USUAL or not found:
            raise
    if len(found) == 1:
        return found[0]
    shown = ", ".join(path.name for path in found[:8]) + (", ..." if len(found) > 8 else "")
    like = f"*{found[0].suffix}"
    several = f", or all of a kind: data.source.file='{like}'" if len(list(root.glob(like))) > 1 else ""
    raise MitofmError(
        f"{what} is not here: {root / name} does not exist, and there are several others: {shown}. Say which to read: "
        f"data.source.file={found[0].name}{several}"
    )
