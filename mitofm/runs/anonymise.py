"""A copy of a study for others, with neutral names for its samples, slides, patients and images: `mitofm bundle anonymise=true`.

Names are numbered in their own order (slide_001, slide_002 ...), the same in all cells: statistics that draw slides in the
order of their names then draw the same ones, and every number of a report stays. So who has the list of all names, or the
labels by slide, can tell which is which: this hides names from readers, and not a data set from its owner.

Values of the columns in `STAY` are no names of a sample, and are kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from mitofm.ground import below, fingerprints
from mitofm.ground.errors import MitofmError
from mitofm.ground.files import write_json, write_parquet, write_text
from mitofm.ground.stored_yaml import parse_yaml
from mitofm.runs import sums
from mitofm.runs.books import old_books, studies
from mitofm.runs.folder import DamagedCell, State, read_bytes, read_stored
from mitofm.runs.sums import Sum, Unfit
from mitofm.runs.tables import read_table

STAY = (
    "domain", "species", "scanner", "part", "evaluation_set", "agreement", "label", "order", "test_chance", "target",
    "logit",
)  # fmt: skip
MARK = "anonymised"
"""The key of `cell.json` by which a cell says that its names are neutral ones."""
_TABLES = ("predictions.parquet", "split.parquet", "validation.parquet")
_KINDS = {"sample_id": "sample"}  # other columns are kinds of their own
_PICTURES = (".parquet", ".pdf", ".png")
_SHORTEST, _SHORTEST_NUMBER = 6, 8  # characters of a name, or of one of digits, that is looked for in texts
_WORD = re.compile(r"[\w.-]+")
_LEFT_OUT = "left out"
_IN_CONFIG = ("source", "patients", "authors_split", "file", "root")
"""Keys of the groups data and split that hold names of files, slides and images."""


class Names:
    """The names in the tables of a study, and their neutral ones."""

    def __init__(self, tables: Iterable[pd.DataFrame]) -> None:
        found: dict[str, set[str]] = {}
        kept: set[str] = set()
        for table in tables:
            for column in table:
                values = set(table[column].dropna().astype(str).unique()) if _is_name(column) else set()
                found.setdefault(column, set()).update(values)
            for column in table.columns.intersection(STAY[:5]):
                kept.update(table[column].dropna().astype(str).unique())
        self._neutral = {column: _number(_KINDS.get(column, column), names) for column, names in found.items()}
        kept |= {word for value in kept for word in _WORD.findall(value)}
        sought = {name for names in found.values() for name in names if _is_sought(name)} - kept
        self._by_word: dict[str, list[str]] = {}
        for name in sorted(sought):
            self._by_word.setdefault(max(_WORD.findall(name), key=len, default=name), []).append(name)

    def rename(self, table: pd.DataFrame) -> pd.DataFrame:
        """The table under neutral names."""
        new = {
            column: table[column].astype(object).map(lambda name, of=self._neutral[column]: of.get(str(name)))
            for column in table
            if _is_name(column)
        }
        return table.assign(**new)

    def count(self) -> dict[str, int]:
        """How many of each kind were replaced."""
        return {_KINDS.get(column, column): len(names) for column, names in self._neutral.items() if names}

    def find(self, text: str) -> str | None:
        """A name that is in a text, if any; not those that are also (part of) the name of a domain, species, scanner or set."""
        words = set(_WORD.findall(text))
        words |= {word.rpartition(".")[0] for word in words}  # files are called after slides
        for word in sorted(words & self._by_word.keys()):
            for name in self._by_word[word]:
                if name in text:
                    return name
        return None


def anonymise(runs: Path, study: str, into: Path) -> Names:
    """Write the study, with the files of a bundle and checksums made anew, to the folder `into`, under neutral names.

    Texts of FAILED and SKIPPED, and what configs say of files and of the source of the data, are left out: nothing tells
    which words in them are names.

    Raises:
        DamagedCell: a file of a cell is damaged; tables of cells that are not finished are left out then.
        MitofmError: there is no such study.
    """
    listed = studies.read(runs, study)
    folders = [runs / "cells" / cell for cell in sorted(listed.cells)]
    names = Names(table for folder in folders for table in _read_tables(folder).values())
    left_out: dict[str, str] = {}
    for folder in folders:
        if folder.is_dir():
            _copy_cell(folder, into / "cells" / folder.name, names, left_out)
    left, planned = listed.not_started()
    told = [words if "data." not in words and ".file=" not in words else f"cell {n}" for n, words in enumerate(left, 1)]
    for name, content in old_books.pack(listed.cells, listed.stated, told, planned).items():
        write_text(into / "studies" / study / name, content.decode())
    return names


def require_no_names(names: Names, folder: Path, note: str) -> None:
    """Raise a MitofmError if a text in `folder`, or its name, or the note still holds a name."""
    texts = [file for file in sorted(folder.rglob("*")) if file.is_file() and file.suffix not in _PICTURES]
    for place, text in chain(
        [("note", note)], ((file.relative_to(folder), file.read_text("utf-8", "replace")) for file in texts)
    ):
        if found := names.find(f"{place}\n{text}"):
            raise MitofmError(
                f"anonymise=true: {place} would hold {found!r}, the name of a sample, slide or patient. No bundle was written: "
                "give another name to what is called like it (a data set, a study, a file of a split)"
            )


def _read_tables(folder: Path) -> dict[str, pd.DataFrame]:
    """The tables of a cell by their files; those of a cell that is not finished if they can be read."""
    found = {}
    for name in _TABLES:
        try:
            if (folder / name).is_file():
                found[name] = read_table(folder / name, ())
        except DamagedCell:
            if (folder / State.DONE.value).is_file():
                raise
    return found


def _copy_cell(folder: Path, into: Path, names: Names, left_out: dict[str, str]) -> None:
    into.mkdir(parents=True)
    for name in ("cost.json", "curves.csv", "environment.json", "metrics.json"):
        if (folder / name).is_file():
            (into / name).write_bytes(read_bytes(folder / name))
    for name, table in _read_tables(folder).items():
        write_parquet(into / name, names.rename(table))
    if (folder / "cell.json").is_file():
        write_json(into / "cell.json", read_stored(folder / "cell.json") | {MARK: True})
    if (folder / "config.yaml").is_file():
        config = _read_config(folder / "config.yaml")
        config |= {group: _blank(config[group], left_out) for group in ("data", "split") if group in config}
        write_text(into / "config.yaml", yaml.safe_dump(config, sort_keys=False, allow_unicode=True))
    if (folder / State.FAILED.value).is_file():
        last = below.check(folder / State.FAILED.value).read_text(encoding="utf-8", errors="replace").rstrip()
        kind = re.match(r"[\w.]+(?=:|$)", last.rpartition("\n")[2])
        write_text(into / State.FAILED.value, f"{kind[0] if kind else 'failed'}: {_LEFT_OUT} (anonymise=true)\n")
    if (folder / State.SKIPPED.value).is_file():
        write_text(into / State.SKIPPED.value, f"its reason is {_LEFT_OUT} (anonymise=true)\n")
    if (folder / State.DONE.value).is_file():
        listed = sums.read(folder)
        copied = {file.name: Sum.of(file.read_bytes()) for file in into.iterdir() if listed and file.name in listed}
        write_text(into / State.DONE.value, "" if listed is None else sums.spell(copied))


def _read_config(file: Path) -> dict[str, Any]:
    """A cell's config as it is stored; DamagedCell if it is none."""
    try:
        config = parse_yaml(read_bytes(file))
        if not isinstance(config, dict):
            raise Unfit("holds no config")
        return config
    except ValueError as error:
        raise DamagedCell(file, error) from error


def _blank(group: Any, left_out: dict[str, str]) -> Any:
    """A group of a config without the values of `_IN_CONFIG`; equal ones are left out under the same number."""
    if not isinstance(group, Mapping):
        return group
    return {
        key: _blank_all(value, left_out) if key in _IN_CONFIG else _blank(value, left_out)
        for key, value in group.items()
    }


def _blank_all(value: Any, left_out: dict[str, str]) -> Any:
    """A value with a number in place of each text in it but the source's own name and class."""
    if isinstance(value, Mapping) and "_target_" in value:
        return {key: one if key in ("_target_", "name") else _blank_all(one, left_out) for key, one in value.items()}
    if value is None or isinstance(value, bool | int | float):
        return value
    content = fingerprints.of(json.loads(json.dumps(value, default=str)))
    return left_out.setdefault(content, f"{_LEFT_OUT} {len(left_out) + 1}")


def _number(kind: str, names: Iterable[str]) -> dict[str, str]:
    ordered = sorted(names)
    width = max(3, len(str(len(ordered))))
    return {name: f"{kind}_{number:0{width}d}" for number, name in enumerate(ordered, 1)}


def _is_name(column: str) -> bool:
    return column not in STAY


def _is_sought(name: str) -> bool:
    """Whether a name can be told from words and numbers of a report."""
    return len(name) >= (_SHORTEST if re.search(r"[^\W\d]", name) else _SHORTEST_NUMBER)
