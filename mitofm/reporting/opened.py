"""The report of a bundle: made anew from what is in it, and laid beside the one it was packed with."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from mitofm.errors import MitofmError
from mitofm.reporting.report import make_report
from mitofm.runs.bundle import REPORT, unpacked


def report_of_bundle(file: Path, out: Path, cache: Path) -> tuple[Path, int]:
    """Write the report of the bundle `file` into `out`; its page, and the number of tables, all equal to those packed.

    Args:
        file: of the bundle.
        out: a folder, made if absent.
        cache: where intervals are kept for the next report.

    Raises:
        MitofmError: the file is no bundle or has changed, or a table holds other numbers than the one packed.
    """
    with unpacked(file) as bundle:
        page = make_report(bundle.runs, bundle.study, out, cache, crops=False)
        packed = bundle.runs / REPORT
        tables = [table.relative_to(packed) for table in packed.rglob("*.csv")]
        other = [str(table) for table in tables if not _equal(packed / table, out / table)]
    if other:
        raise MitofmError(
            f"{page} was made, but {len(other)} of its {len(tables)} tables are not those that {file} was packed with by "
            f"mitofm {bundle.made_with}: {', '.join(sorted(other)[:3])}"
        )
    return page, len(tables)


def _equal(one: Path, other: Path) -> bool:
    """Whether two tables say the same: to the last byte, or where another processor rounds otherwise to nine digits."""
    if not other.is_file():
        return False
    if one.read_bytes() == other.read_bytes():
        return True
    first, second = (pd.read_csv(file, keep_default_na=False) for file in (one, other))
    try:
        pd.testing.assert_frame_equal(first, second, rtol=1e-9, atol=1e-12)
    except AssertionError:
        return False
    return True
