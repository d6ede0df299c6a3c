"""The file of scores that a user asks for: what its ending makes of it, and whether it can be written at all."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pandas as pd

from mitofm.data import cutting
from mitofm.data.dataset import Dataset
from mitofm.ground.errors import MitofmError
from mitofm.ground.files import find_existing, replacing, write_parquet
from mitofm.inference import geojson

GEOJSON = ".geojson"
_ENDINGS = (".parquet", ".csv", GEOJSON)


def check(out: Path) -> None:
    """Refuse, before anything is computed, what could not be written in the end; makes nothing.

    Raises:
        MitofmError: another ending than those that are written, a folder, or no right to write there.
    """
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
    """Refuse a folder in which nothing can be written; if it is yet to be made, the one it is to be made in.

    Raises:
        MitofmError: nothing can be written there.
    """
    try:
        with tempfile.TemporaryFile(dir=find_existing(folder)):
            pass
    except OSError as error:
        raise _explain(folder, error) from error


def refuse_own(out: Path, dataset: Dataset) -> None:
    """Refuse to replace what the scores are made from.

    Raises:
        MitofmError: `out` is one of the data set's annotation files or images.
    """
    if out.exists() and any(out.samefile(file) for file in _list_files(dataset)):
        raise MitofmError(
            f"output={out}: this is a file of data set {dataset.card.name!r} itself, and would be lost. Give another name"
        )


def _list_files(dataset: Dataset) -> Iterator[Path]:
    yield from dataset.files()
    for name in cutting.file_column(dataset.source.table()).unique():
        if (dataset.root / name).exists():
            yield dataset.root / name


def write(out: Path, table: pd.DataFrame, words: Mapping[str, str], origin: Mapping[str, Any]) -> list[Path]:
    """Write scores; gives the files, of which none takes its place before all have been written.

    Args:
        out: what was asked for, and checked.
        table: the scores.
        words: for the labels "0" and "1".
        origin: where the scores are from.

    Raises:
        MitofmError: the disk is full, or no longer lets write.
    """
    ending = out.suffix.lower()
    try:
        if ending == ".parquet":
            write_parquet(out, table)
            return [out]
        as_csv = ending == ".csv"
        texts = {out: _write_csv(table)} if as_csv else geojson.make_documents(out, table, words, origin)
        with ExitStack() as places:
            for path, text in texts.items():
                places.enter_context(replacing(path)).write_text(text, encoding="utf-8", newline="")
        return list(texts)
    except OSError as error:
        raise _explain(out, error) from error


def _write_csv(table: pd.DataFrame) -> str:
    """Comma, decimal point, a header; numbers in as many digits as give them back, what is unknown empty."""
    return table.to_csv(index=False, lineterminator="\n")


def _explain(path: Path, error: OSError) -> MitofmError:
    return MitofmError(f"{path}: nothing can be written there ({error}). Choose another place with output=FILE")
