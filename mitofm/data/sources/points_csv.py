"""Points in a CSV file, one row per cell, beside the images they lie in: one's own slides, or a published list."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from mitofm.data.annotations import validate
from mitofm.data.sources import reading
from mitofm.data.sources.classes import Classes, Names
from mitofm.data.sources.domains import Rules, fill
from mitofm.errors import unknown

COLUMNS = {"x": "x", "y": "y", "label": "label", "image": "filename", "slide": "slide", "domain": "tumortype"}
_OPTIONAL = ("sample_id", "species", "scanner", "mpp")


class PointsCsv:
    """A CSV file with the columns `x,y,label,filename,slide,tumortype`, and the images it names.

    A cell without a name of its own is called after its image and position.

    Args:
        root: the folder.
        name: the data set's name.
        file: the CSV, in the folder.
        positive: values of the label column that are label 1.
        negative: values that are label 0. A value that is in neither list, or in `ignored`, is an error.
        ignored: values that are no cell of the task.
        columns: the file's own words, where they differ: `{domain: organ}`. Keys: x, y, label, image, slide, domain,
            and where the file has them sample_id, species, scanner, mpp. null: the file has no such column.
        images: where the images are, in the folder.
        domains: what the CSV does not say; see `mitofm.data.sources.domains.fill`.
    """

    def __init__(
        self,
        root: str | Path,
        name: str,
        file: str,
        positive: Names,
        negative: Names,
        ignored: Names = (),
        columns: Mapping[str, str | None] | None = None,
        images: str = ".",
        domains: Rules = (),
    ) -> None:
        for key in columns or {}:
            if key not in COLUMNS and key not in _OPTIONAL:
                raise unknown("column", key, (*COLUMNS, *_OPTIONAL), place="source.columns")
        self.root = Path(root)
        self.name = name
        self.file = file
        self.classes = Classes(positive, negative, ignored)
        self.columns = {key: word for key, word in (COLUMNS | dict(columns or {})).items() if word is not None}
        self.images = images
        self.domains = domains

    def prepare(self) -> None:
        """Check that the CSV and every image that it names are there."""
        reading.check_images(self.root, self.table()["image"], self.name)

    def files(self) -> list[Path]:
        """The CSV."""
        return [reading.annotation_file(self.root / self.file, self.name)]

    def table(self) -> pd.DataFrame:
        """The annotation table.

        Raises:
            MitofmError: the CSV is missing or unreadable, lacks a column, or holds a label that the config does not
                name or an impossible value; the message gives file and row.
        """
        path = self.files()[0]
        read = reading.csv(path, self.columns.values())
        labels = self.classes.labels(read[self.columns["label"]], str(path))
        cells = pd.DataFrame({key: read.loc[labels.index, word] for key, word in self.columns.items()})
        cells = fill(cells, cells["image"], self.domains, str(path))
        if "sample_id" not in cells:
            names = cells["image"].map(reading.stem) + "-" + cells["x"] + "-" + cells["y"]
            again = names.groupby(names).cumcount()  # the same cell twice is for the checks to report
            cells["sample_id"] = names.mask(again > 0, names + "-" + (again + 1).astype(str))
        cells = cells.assign(label=labels, dataset=self.name, image=reading.below(self.images, cells["image"]))
        return validate(cells, str(path))
