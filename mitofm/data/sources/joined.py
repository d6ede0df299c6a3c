"""Several data sets as one: train on one of them and test on the others."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from mitofm.data.annotations import OPTIONAL, REQUIRED, validate
from mitofm.data.sources.base import Source
from mitofm.data.sources.spelling import require_group
from mitofm.ground.errors import MitofmError, unknown

_MAY_LACK = ("mpp",)  # what each image says of itself if its source does not


class Joined:
    """The samples of several sources, each under the `dataset` that its own source gives it.

    Names of samples, slides and patients begin with the number of their source, so that equal names in two of them stay
    apart. Slides to which `slides` gives one name are one slide. Samples with equal pixels are found without it
    (`mitofm.data.curation`).

    Args:
        root: a folder that holds the folders of all sources.
        sources: at least two, all of whole images or all of pre-cut crops.
        slides: by data set, a regular expression whose group is the slide's name in the collection it comes from:
            `{ami_br: 'MIDOG21_0*(\\d+)'}`. Slides that it does not match keep a name of their own.
    """

    def __init__(self, root: str | Path, sources: Sequence[Source], slides: Mapping[str, str] | None = None) -> None:
        self.root = Path(root)
        self.sources = list(sources)
        self.slides = dict(slides or {})
        if len(self.sources) < 2:
            raise MitofmError("data.source.sources: at least two data sets are joined")
        for name, pattern in self.slides.items():
            require_group(pattern, f"data.source.slides.{name}")

    def prepare(self) -> None:
        """Prepare each."""
        for source in self.sources:
            source.prepare()

    def files(self) -> list[Path]:
        """The annotation files of all."""
        return [file for source in self.sources for file in source.files()]

    def table(self) -> pd.DataFrame:
        """The annotation table, with the optional columns that every source knows; mpp if any does.

        Raises:
            MitofmError: as the sources do; some hold crops and others whole images; `slides` names a data set that none is.
        """
        tables = [source.table() for source in self.sources]
        if len({"crop" in table for table in tables}) > 1:
            raise MitofmError(
                f"{self.root}: some data sets are crops already cut and others whole images; join sets of one kind"
            )
        known = [
            column
            for column in (*REQUIRED, *OPTIONAL)
            if any(column in table for table in tables)
            and (column in _MAY_LACK or all(column in table for table in tables))
        ]
        placed = [
            self._rename(table.reindex(columns=known), os.path.relpath(source.root, self.root), place)
            for place, (source, table) in enumerate(zip(self.sources, tables, strict=True))
        ]
        joined = pd.concat(placed, ignore_index=True)
        for name in self.slides:
            if name not in set(joined["dataset"]):
                raise unknown("data set", name, joined["dataset"].unique(), "data.source.slides")
        return validate(joined, str(self.root), _MAY_LACK)

    def _rename(self, table: pd.DataFrame, folder: str, place: int) -> pd.DataFrame:
        table = table.copy()
        for column in ("image", "crop"):
            if column in table:
                table[column] = f"{folder}/" + table[column]
        patterns = [self.slides.get(name) for name in table["dataset"]]
        met = [re.search(one, slide) if one else None for one, slide in zip(patterns, table["slide"], strict=True)]
        shared = pd.Series([f"shared/{one[1]}" if one else None for one in met], table.index, dtype=object)
        for column in ("sample_id", "slide", "patient"):
            if column in table:
                table[column] = f"{place}/" + table[column]
        table["slide"] = shared.fillna(table["slide"])
        return table
