"""Reads the tables of a finished cell, its predictions and its split, and refuses what no cell can have written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from pandas.api.types import is_string_dtype

from mitofm.ground import parquet
from mitofm.runs.folder import DamagedCell, read_bytes
from mitofm.runs.sums import Unfit

PREDICTIONS = ("sample_id", "slide", "domain", "label", "logit", "evaluation_set")
SPLIT = ("sample_id", "slide", "domain", "label")
_TEXT = ("sample_id", "slide", "domain", "evaluation_set")


def read_predictions(path: Path) -> pd.DataFrame:
    """Read the predictions of a finished cell, one row per test sample: sample_id, slide, domain, label, logit, evaluation_set.

    Raises:
        DamagedCell: they are absent or damaged, have no rows, a sample twice, a label that is neither 0 nor 1, a logit that
            is not finite, or a chance to be tested that is none.
    """
    table = read_table(path, PREDICTIONS)
    try:
        _check_samples(table)
        if table["logit"].dtype.kind != "f" or not np.isfinite(table["logit"]).all():
            raise Unfit("holds a logit that is no finite number")
        if "test_chance" in table:
            chance = table["test_chance"].to_numpy(dtype=float, na_value=np.nan)
            if not (np.isnan(chance) | ((chance > 0) & (chance <= 1))).all():
                raise Unfit("holds a chance to be tested that is not above 0 and up to 1")
    except (ValueError, TypeError) as error:
        raise DamagedCell(path, error) from error
    return table


def read_split(path: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read the split of a finished cell, a row per sample, as in `mitofm.data.splits.part.Split`; all columns or also `columns`.

    Raises:
        DamagedCell: it is absent or damaged, has no rows, a sample twice, or a label that is neither 0 nor 1.
    """
    table = read_table(path, SPLIT, columns)
    try:
        _check_samples(table)
    except (ValueError, TypeError) as error:
        raise DamagedCell(path, error) from error
    return table


def read_table(path: Path, needed: Iterable[str], columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read a table of a finished cell: the `needed` columns, and all others or, if given, those of `columns`.

    Raises:
        DamagedCell: it is absent or damaged, or is not the one that the cell was finished with.
    """
    content = read_bytes(path)
    try:
        read = parquet.read_table(
            content, lambda names: [name for name in names if columns is None or name in (*needed, *columns)]
        )
        read.validate(full=True)  # above all that text is UTF-8
        table = read.to_pandas()
        if lacking := [name for name in needed if name not in table]:
            raise Unfit(f"lacks the column {', '.join(lacking)}")
        return table
    except Exception as error:  # Arrow raises any error on a damaged file
        raise DamagedCell(path, error) from error


def _check_samples(table: pd.DataFrame) -> None:
    """Raise Unfit unless the table has samples, each once, with text where text belongs and a label of 0 or 1."""
    if table.empty:
        raise Unfit("has no rows")
    for name in _TEXT:
        if name in table and (not is_string_dtype(table[name]) or table[name].isna().any()):
            raise Unfit(f"holds a {name} that is no text")
    if table["sample_id"].duplicated().any():
        raise Unfit(f"has the sample {table['sample_id'][table['sample_id'].duplicated()].iloc[0]} twice")
    if table["label"].dtype.kind not in "iu" or not table["label"].isin((0, 1)).all():
        raise Unfit("holds a label that is neither 0 nor 1")
