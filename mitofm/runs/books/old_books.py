"""Reads the files of a study in a bundle, and those of mitofm 0.1, which had no journal, as notes of a journal."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mitofm.evaluation.comparisons import Comparisons
from mitofm.ground import below
from mitofm.ground.errors import MitofmError
from mitofm.ground.files import read_json
from mitofm.runs.books import journal

LIST = "cells.csv"
_COMPARISONS, _NOT_STARTED = "comparisons.json", "not_started.json"
FILES = (LIST, _COMPARISONS, _NOT_STARTED)
"""The files of a study in a bundle."""

_CELL = r'(?P<cell>(?!\.)[^"/\\\x00-\x1f\x7f-\x9f]{1,240})'
_LISTED, _STARTED = re.compile(f'"?{_CELL}"?'), re.compile(f"(?P<chosen>[0-9a-f]{{16}}),{_CELL}")
_ENDED = re.compile(f"{_CELL},(?P<state>DONE|FAILED|SKIPPED),(?P<fitted>[01])")


def pack(cells: Iterable[str], stated: Mapping[str, Any] | None, left: list[str], planned: int) -> dict[str, bytes]:
    """The content of `FILES` for these cells and comparisons, and for the cells `left` of so many `planned`."""
    files = {LIST: "".join(f"{line}\n" for line in ("cell", *cells))}
    if stated is not None:
        files[_COMPARISONS] = json.dumps(stated, indent=2) + "\n"  # in the order in which the report answers
    if planned:
        files[_NOT_STARTED] = json.dumps({"cells": left, "planned": planned})
    return {name: text.encode() for name, text in files.items()}


def read_notes(folder: Path) -> Iterator[dict[str, Any]]:
    """The notes in the files of a folder; of damaged files those that can be read, with a warning."""
    yield from _read_lines(folder / LIST, _LISTED, len("cell\n"))
    yield from _read_lines(folder / "started.csv", _STARTED)
    for content in _read_checked(folder / _COMPARISONS, Comparisons.from_config):
        yield {"stated": content}
    for content in _read_checked(folder / _NOT_STARTED, _check_not_started):
        yield {"packed": content}
    for content in _read_checked(folder / "planned.json", check_grids):
        yield from ({"planned": grid} for grid in content["grids"])
    for content in _read_checked(folder / "sweep.json", _check_sweep):
        yield {"sweep": {"cells": content["cells"], "began": content["began"]}}
        ended = _read_lines(folder / "ends.csv", _ENDED, content["start"])
        yield from (note | {"fitted": note["fitted"] == "1"} for note in ended)


def _read_lines(file: Path, form: re.Pattern[str], start: int = 0) -> list[dict[str, Any]]:
    """The lines from the byte `start` on, as notes."""
    content = below.check(file).read_bytes()[start:] if file.is_file() else b""
    lines = content.decode("utf-8", errors="replace").splitlines()
    found = [form.fullmatch(line) for line in lines if line]
    if None in found or (lines and not file.read_bytes().endswith(b"\n")):  # the last one is cut
        journal.warn(file, "damaged lines are skipped")
    return [match.groupdict() for match in found if match]


def _read_checked(file: Path, check: Callable[[Any], object]) -> Iterator[dict[str, Any]]:
    """The content of a JSON file if it exists and passes the check."""
    if file.is_file():
        try:
            check(content := read_json(file))
        except (ValueError, KeyError, TypeError, AttributeError, MitofmError):
            journal.warn(file, "it is damaged, and left out")
        else:
            yield content


def _check_not_started(content: dict[str, Any]) -> None:
    if not isinstance(content["planned"], int) or not all(isinstance(words, str) for words in content["cells"]):
        raise TypeError


def check_grids(content: dict[str, Any]) -> None:
    """Raise if `content` holds no grids as `studies.note_grid` writes them."""
    for grid in content["grids"]:
        swept = [one for key, values in grid["swept"] for one in (key, *values)]
        if not all(isinstance(one, str) for one in (*grid["fixed"].values(), *swept)):
            raise TypeError


def _check_sweep(content: dict[str, Any]) -> None:
    if not all(isinstance(content[key], int | float) for key in ("cells", "began")) or content["start"] < 0:
        raise TypeError
