"""Finds files of finished cells and ended processes that are certainly not read again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from mitofm.ground.below import close, is_inside
from mitofm.ground.files import is_abandoned
from mitofm.ground.locks import find_holder
from mitofm.runs.folder import SETTLED, CellFolder
from mitofm.runs.sums import TO_RESUME

_OLD = 86_400  # seconds, after which a temporary file of another machine is taken for one that nobody finishes


def find_leftovers(runs: Path, cache: Path) -> Iterator[tuple[Path, str]]:
    """Each such file and the reason. Cells that run or may resume are left alone."""
    close(runs)
    close(cache)
    for root in (runs, cache):
        for file in sorted(root.rglob(".*")):
            if file.suffix in (".part", ".breaking") and _is_ours(file) and (is_abandoned(file) or _is_old(file)):
                yield file, "half a file of an ended process"
    for place in sorted((runs / "cells").glob("*")):
        cell = CellFolder(runs, place.name)
        if not is_inside(place) or find_holder(cell.lock) or cell.read_state() not in SETTLED:
            continue
        to_resume = (place / name for name in TO_RESUME)
        yield from ((file, "state to resume a finished cell") for file in to_resume if _is_ours(file))
        for file in sorted(place.rglob(".*.part")):
            if _is_ours(file) and not (is_abandoned(file) or _is_old(file)):
                yield file, "half a file of a finished cell"
    for lock in sorted((runs / "locks").glob("*.lock")):
        if _is_ours(lock) and not find_holder(lock):
            yield lock, "lock that nobody holds"
    for part in sorted((cache / "embeddings").glob("*.part*")):
        whole = part.with_name(f"{part.name.partition('.part')[0]}.npy")
        if _is_ours(part) and whole.is_file() and not find_holder(whole.with_name(f"{whole.name}.lock")):
            yield part, "piece of embeddings that are whole"


def _is_old(file: Path) -> bool:
    return time.time() - file.stat().st_mtime > _OLD


def _is_ours(file: Path) -> bool:
    return is_inside(file) and file.is_file()
