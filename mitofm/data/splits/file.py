"""Strategy file: a split that somebody else has made, the authors of a data set or the user."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mitofm.data.splits.part import IN_DOMAIN, OUT_OF_DOMAIN, PARTS, TEST, TRAIN, UNUSED, Sides, Strategy
from mitofm.errors import MitofmError, unknown

_KEYS = ("sample_id", "slide")


@dataclass(frozen=True, kw_only=True)
class FromFile(Strategy):
    """Parts as listed in a CSV or parquet file with columns `sample_id` or `slide`, `part`, and maybe `evaluation_set`.

    Cells that the file does not name are unused. A test cell without an evaluation set is in_domain if its domain
    trains, else out_of_domain. The seed decides only the order in which fractions are bought.

    Attributes:
        file: path of the file.
    """

    file: str

    def describe(self) -> str:
        """The training side in words: the file's name without its ending."""
        return Path(self.file).stem

    def files(self) -> list[Path]:
        """The file. Raises MitofmError where it is not there."""
        path = Path(self.file)
        if not path.is_file():
            raise MitofmError(f"split.file={path} does not exist (a relative path starts at {Path.cwd()})")
        return [path]

    def sides(self, table: pd.DataFrame, seed: int) -> Sides:
        """Raises MitofmError, naming file and row, for whatever in the file cannot be meant."""
        listed, key = _read(*self.files())
        ids = table[key].astype(str)
        _check(listed, key, set(ids), self.file)
        at = pd.Index(listed[key]).get_indexer(pd.Index(ids))
        named = at >= 0
        part = np.where(named, listed["part"].to_numpy(dtype=object)[at], UNUSED)
        given = np.where(named, listed["evaluation_set"].to_numpy(dtype=object)[at], "")
        domain = table["domain"].to_numpy(dtype=object)
        usual = np.where(np.isin(domain, pd.unique(domain[part == TRAIN])), IN_DOMAIN, OUT_OF_DOMAIN)
        return Sides(part, np.where((part == TEST) & (given == ""), usual.astype(object), given))


def _read(path: Path) -> tuple[pd.DataFrame, str]:
    """The rows of `path` as text (missing: ""), and the column that names the cells."""
    try:
        if path.suffix == ".parquet":
            listed = pd.read_parquet(path)
        elif path.suffix == ".csv":
            listed = pd.read_csv(path, dtype=str, keep_default_na=False)
        else:
            raise MitofmError(f"split.file={path}: a .csv or .parquet file is needed")
    except (OSError, ValueError) as error:
        raise MitofmError(f"split.file={path} cannot be read: {error}") from error
    key = next((key for key in _KEYS if key in listed), None)
    if key is None or "part" not in listed:
        raise MitofmError(
            f"split.file={path} needs the columns 'sample_id' or 'slide', and 'part'. "
            f"It has: {', '.join(map(str, listed))}"
        )
    if listed.empty:
        raise MitofmError(f"split.file={path} lists no cells")
    if "evaluation_set" not in listed:
        listed["evaluation_set"] = ""
    columns = [key, "part", "evaluation_set"]
    return listed[columns].astype("string").fillna("").reset_index(drop=True), key


def _check(listed: pd.DataFrame, key: str, known: set[str], file: str) -> None:
    """Refuse unknown parts, repeated and unknown names; the message counts rows as in a CSV file, header first."""
    wrong = ~listed["part"].isin(PARTS)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise unknown("part", listed["part"].iloc[row], PARTS, f"split.file={file}, row {row + 2}")
    for problem, rows in {
        f"the {key} occurs twice": listed[key].duplicated(),
        f"no cell of the annotation table has this {key}": ~listed[key].isin(known),
        "only test rows may have an evaluation_set": (listed["part"] != TEST) & (listed["evaluation_set"] != ""),
    }.items():
        if rows.any():
            row = int(np.flatnonzero(rows)[0])
            raise MitofmError(
                f"split.file={file}, row {row + 2} ({listed[key].iloc[row]!r}): {problem} ({int(rows.sum())} such rows)"
            )
