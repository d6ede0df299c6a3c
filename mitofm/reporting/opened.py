"""The report of a bundle: made anew from what is in it, and laid beside the one it was packed with."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mitofm.ground.csv_cells import read_csv
from mitofm.ground.errors import MitofmError
from mitofm.reporting.report import make_report
from mitofm.runs.bundle import REPORT, open_unpacked

_ROUNDING = 1e-9
"""By what share of their size the numbers of two tables may differ: processors round the last of 17 digits differently."""


@dataclass(frozen=True)
class Opened:
    """What a bundle's report is: its study, its page, how many tables it has, and which of them another processor rounded otherwise."""

    study: str
    page: Path
    tables: int
    rounded: dict[str, float]
    """Of a table, by its path: the largest difference of a number from the one packed, as a share of its size."""
    anonymised: bool = False
    """Whether its samples and slides have neutral names."""


def open_bundle(file: Path, out: Path, cache: Path) -> Opened:
    """Write the report of the bundle `file` into `out`; every number in it is the one packed, but for rounding.

    Raises:
        MitofmError: the file is no bundle or has changed, or a table says other than the one packed.
    """
    with open_unpacked(file) as bundle:
        page = make_report(bundle.runs, bundle.study, out, cache, crops=False, dated=False)
        study, packed, anonymised = bundle.study, bundle.runs / REPORT, bundle.anonymised
        tables = sorted(table.relative_to(packed) for table in packed.rglob("*.csv"))
        found = {str(table): _compare(packed / table, out / table) for table in tables}
    other = [f"{table}: {words}" for table, (apart, words) in found.items() if apart > _ROUNDING]
    if other:
        raise MitofmError(
            f"{page} was made, but {len(other)} of its {len(tables)} tables are not those that {file} was packed with by "
            f"mitofm {bundle.made_with}: {'; '.join(other[:3])}"
        )
    rounded = {table: apart for table, (apart, _) in found.items() if apart}
    return Opened(study, page, len(tables), rounded, anonymised)


def _compare(packed: Path, made: Path) -> tuple[float, str]:
    """The largest difference of two tables as a share of their numbers' size, and in words; infinite if more differs."""
    if not made.is_file():
        return math.inf, "it was not made"
    if packed.read_bytes() == made.read_bytes():
        return 0.0, "the same to the last byte"
    first, second = (read_csv(file) for file in (packed, made))
    if list(first) != list(second) or len(first) != len(second):
        return math.inf, "other columns or rows"
    numbers = first.select_dtypes("number").columns.intersection(second.select_dtypes("number").columns)
    if not first.drop(columns=numbers).equals(second.drop(columns=numbers)):
        return math.inf, "other words"
    a, b = (table[numbers].to_numpy(dtype=float) for table in (first, second))
    if not np.array_equal(np.isnan(a), np.isnan(b)):
        return math.inf, "numbers where there were none"
    apart = np.abs(a - b) / np.maximum(np.abs(a), 1e-3)  # a p of 1e-12 may not decide
    farthest = float(np.nanmax(apart, initial=0.0))
    return farthest, f"numbers apart by {farthest:.1g} of their size"
