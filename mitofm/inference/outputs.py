"""Writes the file of scores in the format of its ending, and checks beforehand that it can be written."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd

from mitofm.data import cutting
from mitofm.data.dataset import Dataset
from mitofm.ground.csv_cells import to_csv
from mitofm.ground.errors import MitofmError
from mitofm.ground.files import find_existing, replacing, write_parquet
from mitofm.inference import geojson

GEOJSON = ".geojson"
_ENDINGS = (".parquet", ".csv", GEOJSON)


def check(out: Path) -> None:
    """Raise a MitofmError if `out` has an unknown ending, is a folder or cannot be written. Makes nothing."""
    if out.suffix.lower() not in _ENDINGS:
        has = f"not {out.suffix!r}" if out.suffix else "and this name has none"
        raise MitofmError(
            f"output={out}: its ending says what to write, {', '.join(_ENDINGS[:-1])} or {GEOJSON} (for QuPath), {has}"
        )
    try:
        if out.is_dir():
            raise MitofmError(f"output={out}: this is a folder. Give a file, for instance {out / 'scores'}{out.suffix}")
        check_folder(out.parent)
    except OSError as error:
        raise _explain(out, error) from error


def check_folder(folder: Path) -> None:
    """Raise a MitofmError if nothing can be written in a folder, or in the one where it would be made."""
    try:
        with tempfile.TemporaryFile(dir=find_existing(folder)):
            pass
    except OSError as error:
        raise _explain(folder, error) from error


def refuse_own(out: Path, dataset: Dataset) -> None:
    """Raise a MitofmError if `out` is one of the data set's annotation files or images."""
    if not out.exists():
        return
    images = (dataset.root / name for name in cutting.file_column(dataset.source.table()).unique())
    if any(out.samefile(file) for file in chain(dataset.files(), images) if file.exists()):
        raise MitofmError(
            f"output={out}: this is a file of data set {dataset.card.name!r} itself, and would be lost. Give another name"
        )


def write(out: Path, table: pd.DataFrame, words: Mapping[str, str], origin: Mapping[str, Any]) -> list[Path]:
    """Write scores, with `words` for the labels "0" and "1" and their `origin`; MitofmError if they cannot be written.

    Returns the files, of which none appears before all are written.
    """
    ending = out.suffix.lower()
    try:
        if ending == ".parquet":
            write_parquet(out, table)
            return [out]
        texts = geojson.make_documents(out, table, words, origin) if ending == GEOJSON else {out: to_csv(table)}
        with ExitStack() as places:
            for path, text in texts.items():
                places.enter_context(replacing(path)).write_text(text, encoding="utf-8", newline="")
        return list(texts)
    except OSError as error:
        raise _explain(out, error) from error


def _explain(path: Path, error: OSError) -> MitofmError:
    return MitofmError(f"{path}: nothing can be written there ({error}). Choose another place with output=FILE")
