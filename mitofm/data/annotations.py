"""The annotation table: one row per annotated sample, and the only thing that anything downstream of a source knows."""

from __future__ import annotations

import re
from collections.abc import Collection

import numpy as np
import pandas as pd

from mitofm.ground import fingerprints
from mitofm.ground.errors import MitofmError

VOTES = ("votes_positive", "votes")
"""Of the experts who labelled a sample, how many called it positive, and how many there were."""
TEXT = ("sample_id", "dataset", "image", "slide", "domain", "species", "scanner", "crop", "patient", "unit")
REQUIRED = ("sample_id", "dataset", "image", "x", "y", "label", "slide", "domain")
OPTIONAL = ("species", "scanner", "mpp", "crop", "patient", "unit", *VOTES)
UNKNOWN = -1  # the label of every sample of a table that has none: it can be scored, not learned from


def validate(table: pd.DataFrame, origin: str, may_lack: Collection[str] = ()) -> pd.DataFrame:
    """The table with its columns in canonical order and of canonical type, sorted by sample_id; others are dropped.

    Text: sample_id (unique), dataset, image, slide, domain, and if present species, scanner, crop, patient, unit. Numbers:
    x, y (float64, px at level 0), label (int64; 1 = the data set's positive; `UNKNOWN` in every row or in none), if
    present mpp (float64, micrometre/px), votes_positive and votes (float64, whole numbers). `image` and `crop` are paths
    relative to the source's root. An optional column is complete or absent.
    `unit` is for `mitofm.data.curation` to write: sources leave it out. MitofmError if a column is missing, or a row holds
    a value that cannot be; the message names file, row and column.

    Args:
        table: at least the required columns, one row per sample. Messages call a row by its index if that has a name
            ("annotation" 17), else by its place in a CSV file whose header is row 1.
        may_lack: columns of numbers that may be NaN in some rows: what not all of several joined sets know.
    """
    missing = [column for column in REQUIRED if column not in table]
    if missing:
        raise MitofmError(
            f"{origin}: the annotation table lacks the column(s) {', '.join(missing)}; it has: {', '.join(map(str, table))}"
        )
    if table.empty:
        raise MitofmError(f"{origin}: the annotation table has no rows")
    known = [column for column in REQUIRED + OPTIONAL if column in table]
    if not set(VOTES) <= set(known):  # a number of votes alone says nothing
        known = [column for column in known if column not in VOTES]
    clean = table[known].copy()
    for column, values in clean.items():
        is_text = column in TEXT
        clean[column] = _to_text(values, origin) if is_text else _to_numbers(values, origin, column in may_lack)
    wrong = ~clean["label"].isin([0, 1]) & (clean["label"] != UNKNOWN).any()
    refuse(wrong, clean["label"], origin, "it must be 0 or 1 (1 = the data set's positive)")
    clean["label"] = clean["label"].astype("int64")
    if "mpp" in clean:
        refuse(clean["mpp"] <= 0, clean["mpp"], origin, "micrometre per pixel must be positive")
    if set(VOTES) <= set(clean):
        _check_votes(clean, origin)
    samples = clean["sample_id"]
    refuse(samples.duplicated(), samples, origin, "it names an earlier row too; every sample needs its own")
    reason = "it must be a path inside the data set's folder, relative to it"
    for paths in (clean[column] for column in ("image", "crop") if column in clean):
        refuse(paths.map(_leaves_root), paths, origin, reason)
    return clean.sort_values("sample_id", ignore_index=True)


def require_labels(table: pd.DataFrame) -> pd.DataFrame:
    """The table itself. MitofmError if its samples have no label."""
    if (table["label"] == UNKNOWN).any():
        raise MitofmError(
            f"the samples of data set {table['dataset'].iloc[0]!r} have no label: `mitofm predict` scores them, but nothing "
            "can be learned from them"
        )
    return table


def units(table: pd.DataFrame) -> pd.Series:
    """The unit of independence of each sample (N,), which a split keeps together and a bootstrap draws.

    It is `unit` if curation had to join slides (of one patient, or that show the same cell), else the slide.
    """
    return table["unit"] if "unit" in table else table["slide"]


def fingerprint(table: pd.DataFrame, votes: bool = False) -> str:
    """sha256 (hex) of the content of a validated `table`, whatever the order of its rows; with its `votes` if they are learned from."""
    ordered = table.sort_values("sample_id")
    counted = [column for column in ordered.columns if votes or column not in VOTES]
    content = {column: ordered[column].astype(object).where(ordered[column].notna(), None) for column in counted}
    return fingerprints.of({column: values.tolist() for column, values in content.items()})


def _check_votes(table: pd.DataFrame, origin: str) -> None:
    positive, votes = (table[column] for column in VOTES)
    refuse((votes < 1) | (votes % 1 != 0), votes, origin, "a whole number of votes, at least 1, is needed")
    wrong = (positive < 0) | (positive > votes) | (positive % 1 != 0)
    refuse(wrong, positive, origin, "a whole number from 0 to the sample's votes is needed")


def _to_text(column: pd.Series, origin: str) -> pd.Series:
    text = column.astype(object).mask(column.isna(), "").map(str).str.strip()
    refuse(text == "", column, origin, "a value is needed in every row")
    return text.astype(str)


def _to_numbers(column: pd.Series, origin: str, may_be_missing: bool = False) -> pd.Series:
    numbers = pd.to_numeric(column, errors="coerce").astype("float64")
    wrong = ~np.isfinite(numbers) & ~(column.isna() & may_be_missing)
    refuse(wrong, column, origin, "it must be a number")
    return numbers


def _leaves_root(path: str) -> bool:
    """Whether `path` is absolute or climbs, by the rules of POSIX or of Windows."""
    return path.startswith(("/", "\\")) or path[1:2] == ":" or ".." in re.split(r"[\\/]", path)


def refuse(wrong: pd.Series, column: pd.Series, origin: str, reason: str) -> None:
    """Raise MitofmError for the first row that is `wrong`, with its value in `column`."""
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        unit = wrong.index.name or "row"
        entry = first + 2 if wrong.index.name is None else wrong.index[first]
        shown = column.astype(object).iloc[first]  # as Python shows it: 2, not np.int64(2)
        raise MitofmError(
            f"{origin}: {unit} {entry}: {column.name} is {shown!r}: {reason} ({int(wrong.sum())} such {unit}s)"
        )
