"""What a file of cached embeddings holds, in a JSON file beside it: of what they are, shape, type, and a checksum by piece."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from xxhash import xxh3_128_hexdigest

from mitofm.ground import fingerprints
from mitofm.ground.files import checksum, map_npy, read_json, write_json
from mitofm.ground.fingerprints import Remembered

PIECE = 2048  # rows under one checksum
_PURPOSE = "embeddings by piece"


def locate_sums(file: Path) -> Path:
    """Where the checksums of the embeddings in `file` are."""
    return file.with_suffix(".json")


def write_sums(made: Path, file: Path, of: Sequence[str]) -> dict[str, Any]:
    """Write the checksums of the embeddings in `made`, which will be `file`, for `remember_sums`; `of` names store and backbone.

    Raises:
        OSError: a file cannot be read or written.
        ValueError: `made` is no npy file of plain numbers.
    """
    found = _describe(made)
    facts = {"of": list(of), **found}
    write_json(locate_sums(file), facts | {"checksum": checksum(facts)})
    return found


def remember_sums(file: Path, found: Mapping[str, Any], remembered: Remembered) -> None:
    """Remember that `file` has the checksums that `write_sums` has taken of it, so that it is not read once more."""
    remembered.get(_PURPOSE, [file], lambda: fingerprints.of(found))


def check(file: Path) -> str | None:
    """What is wrong with embeddings that have checksums, by the whole file and whatever they are of; None if nothing is."""
    try:
        facts = read_json(locate_sums(file))
        if facts.pop("checksum") != checksum(facts):
            return "has damaged checksums"
        found = _describe(file)
        return _tell_difference(facts, found) if {"of": facts["of"], **found} != facts else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"or its checksums cannot be read ({type(error).__name__})"


def find_fault(
    file: Path, of: Sequence[str], rows: int, dtype: type[np.floating], remembered: Remembered
) -> str | None:
    """What is wrong with embeddings that have checksums, in words that go on after the file's name; None if nothing is.

    The file is read only if its size or time has changed since it was last found to be right.
    """
    try:
        facts = read_json(locate_sums(file))
        stated = facts.pop("checksum")
        if stated != checksum(facts) or facts.pop("of") != list(of):
            return "has the checksums of another file, or damaged ones"
        found = remembered.get(_PURPOSE, [file], lambda: fingerprints.of(_describe(file)))
        if found != fingerprints.of(facts):
            return _tell_difference(facts, _describe(file))
        if facts["shape"][0] != rows or facts["dtype"] != np.dtype(dtype).name:
            return f"holds {facts['dtype']} {tuple(facts['shape'])}, not {np.dtype(dtype).name} of {rows} rows"
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        return f"or its checksums cannot be read ({type(error).__name__})"
    return None


def _describe(file: Path) -> dict[str, Any]:
    array = map_npy(file)
    if not array.flags.c_contiguous:
        raise ValueError("its rows do not lie one after the other")
    starts = range(0, len(array), PIECE)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        sums = list(pool.map(lambda start: xxh3_128_hexdigest(array[start : start + PIECE].data), starts))
    return {"shape": list(array.shape), "dtype": array.dtype.name, "piece": PIECE, "sums": sums}


def _tell_difference(facts: dict[str, Any], found: dict[str, Any]) -> str:
    if any(facts[key] != found[key] for key in ("shape", "dtype")):
        return f"holds {found['dtype']} {tuple(found['shape'])}, not the {facts['dtype']} {tuple(facts['shape'])} that was written"
    changed = [
        place for place, (one, other) in enumerate(zip(facts["sums"], found["sums"], strict=True)) if one != other
    ]
    first = changed[0] * PIECE if changed else 0
    return (
        f"has changed since it was written, in {len(changed)} of {len(facts['sums'])} pieces, the first at row {first}"
    )
