"""Tables as CSV that a spreadsheet takes for text and numbers only, whatever a data set calls its domains.

A spreadsheet computes an entry that begins with =, +, -, @ or a tab, and `=HYPERLINK(...)` sends what stands beside it away. Such
a text is written behind an apostrophe, and one with hidden characters as a JSON string behind an apostrophe; `read_csv` gives
back what was written. Numbers are left as they are.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mitofm.ground.terminal import find_hidden

if TYPE_CHECKING:
    import pandas as pd

# The wide forms are those of East Asian keyboards, which some spreadsheets read as the narrow ones.
_FORMULA = re.compile(
    "'*[=+\\-@\t\r\n\N{FULLWIDTH EQUALS SIGN}\N{FULLWIDTH PLUS SIGN}\N{FULLWIDTH HYPHEN-MINUS}\N{FULLWIDTH COMMERCIAL AT}]"
)
_QUOTED = re.compile("'+\"")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?", re.IGNORECASE)


def write_cell(value: Any) -> Any:
    """`value` as `to_csv` writes it: a text that a spreadsheet would compute behind an apostrophe, all else as it is."""
    if not isinstance(value, str) or _NUMBER.fullmatch(value):
        return value
    if find_hidden(value):
        return f"'{json.dumps(value)}"
    return f"'{value}" if _FORMULA.match(value) or _QUOTED.match(value) else value


def read_cell(value: Any) -> Any:
    """What `write_cell` was given."""
    if not isinstance(value, str) or not value.startswith("'"):
        return value
    if value.startswith("'\""):
        try:
            return str(json.loads(value[1:]))
        except (ValueError, RecursionError):  # written by something else
            return value
    return value[1:] if _FORMULA.match(value) or _QUOTED.match(value) else value


def to_csv(frame: pd.DataFrame) -> str:
    """The text of a CSV file of `frame` without its index, numbers in as many digits as give them back."""
    texts = frame.select_dtypes(exclude="number").columns
    spell = cache(write_cell)  # most names stand in many rows
    safe = frame.assign(**{column: frame[column].astype(object).map(spell) for column in texts})
    return safe.rename(columns=write_cell).to_csv(index=False, lineterminator="\n")


def read_csv(file: Path, **how: Any) -> pd.DataFrame:
    """Read what `to_csv` made; `how` are arguments of `pandas.read_csv`."""
    import pandas as pd

    frame = pd.read_csv(file, **{"float_precision": "round_trip"} | how)
    texts = frame.select_dtypes(exclude="number").columns
    return frame.assign(**{column: frame[column].map(read_cell) for column in texts}).rename(columns=read_cell)
