"""Points in a text table: x and y in two columns, in pixels or, as QuPath measures, in micrometres."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import pandas as pd

from mitofm.data import tabular
from mitofm.data.annotations import UNKNOWN
from mitofm.data.sources import reading
from mitofm.data.sources.columns import find_columns
from mitofm.data.sources.points import PX, Labels, Points
from mitofm.data.sources.votes import count


def read(
    path: Path,
    columns: Mapping[str, str],
    unit: str | None,
    labels: Labels,
    voters: Sequence[str],
    votes: Collection[object],
) -> Points:
    """The samples of the table in `path`.

    MitofmError if it is no table, lacks a column, or holds a class or a value that cannot be; with its row.

    Args:
        columns: its word for each key, see `mitofm.data.sources.columns.find_columns`. Without `label` no sample has one.
        unit: of x and y; None: as the header says.
        voters: the columns of experts' votes, if it has them.
        votes: the words of a vote for label 1.
    """
    table = reading.read_csv(path, [])
    words, unit = find_columns(columns, list(table), unit, str(path))
    label = (
        labels(table[words.pop("label")].fillna(""), str(path)) if "label" in words else pd.Series(UNKNOWN, table.index)
    )
    table = table.loc[label.index]
    reading.refuse_empty(table, words.values(), path)
    entries = pd.DataFrame({key: table[word] for key, word in words.items()}).assign(label=label)
    x, y = (entries[axis].str.replace(",", ".", regex=False) for axis in "xy")
    if unit == PX:
        entries["at"] = x + "-" + y
    if voters:
        entries = entries.join(count(table, voters, votes, path))
    for key in {"x", "y", "mpp"} & set(words):
        entries[key] = tabular.parse_numbers(table[words[key]], str(path))
    return Points(entries, unit, max(map(_count_decimals, [*x, *y]), default=0))


def _count_decimals(number: str) -> int:
    return len(number.partition(".")[2])
