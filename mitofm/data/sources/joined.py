"""Several data sets as one: train on one of them and test on the others."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from mitofm.data.annotations import REQUIRED, validate
from mitofm.errors import MitofmError

if TYPE_CHECKING:
    from mitofm.data.sources.base import Source


class Joined:
    """The cells of several sources, each under the `dataset` that its own source gives it.

    Cells and slides are called after their source, so that equal names in two of them stay apart. A slide that is in two
    data sets under two names cannot be known here.

    Args:
        root: a folder that holds the folders of all sources.
        sources: at least two.
    """

    def __init__(self, root: str | Path, sources: Sequence[Source]) -> None:
        self.root = Path(root)
        self.sources = list(sources)
        if len(self.sources) < 2:
            raise MitofmError("source.sources: at least two data sets are joined")

    def prepare(self) -> None:
        """Prepare each."""
        for source in self.sources:
            source.prepare()

    def files(self) -> list[Path]:
        """The annotation files of all."""
        return [file for source in self.sources for file in source.files()]

    def table(self) -> pd.DataFrame:
        """The annotation table, with the optional columns that every source knows.

        Raises:
            MitofmError: as the sources do.
        """
        tables = [source.table() for source in self.sources]
        known = [column for column in tables[0] if column in REQUIRED or all(column in table for table in tables)]
        placed = [
            self._placed(table[known], os.path.relpath(source.root, self.root), place)
            for place, (source, table) in enumerate(zip(self.sources, tables, strict=True))
        ]
        return validate(pd.concat(placed, ignore_index=True), str(self.root))

    @staticmethod
    def _placed(table: pd.DataFrame, folder: str, place: int) -> pd.DataFrame:
        table = table.copy()
        for column in ("image", "crop"):
            if column in table:
                table[column] = f"{folder}/" + table[column]
        for column in ("sample_id", "slide"):
            table[column] = f"{place}/" + table[column]
        return table
