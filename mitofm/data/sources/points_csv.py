"""Points in a CSV file, one row per cell, beside the images they lie in: one's own slides, or a published list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field

import pandas as pd

from mitofm.data.annotations import UNKNOWN, validate
from mitofm.data.sources import reading
from mitofm.data.sources.annotated_images import AnnotatedImages
from mitofm.errors import unknown

COLUMNS = {"x": "x", "y": "y", "label": "label", "image": "filename", "slide": "slide", "domain": "tumortype"}
_OPTIONAL = ("sample_id", "species", "scanner", "mpp")


@dataclass
class PointsCsv(AnnotatedImages):
    """A CSV file with the columns `x,y,label,filename,slide,tumortype`, and the images it names.

    A cell without a name of its own is called after its image and position. `domains` are for what the CSV does not say.

    Args:
        columns: the file's own words, where they differ: `{domain: organ}`. Keys: x, y, label, image, slide, domain,
            and where the file has them sample_id, species, scanner, mpp. null: the file has no such column; without
            one of labels, cells can be scored and not learned from.
    """

    _: KW_ONLY
    columns: Mapping[str, str | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for key in self.columns:
            if key not in COLUMNS and key not in _OPTIONAL:
                raise unknown("column", key, (*COLUMNS, *_OPTIONAL), place="source.columns")
        self.words = {key: word for key, word in {**COLUMNS, **self.columns}.items() if word is not None}
        super().__post_init__()

    def table(self) -> pd.DataFrame:
        """The annotation table.

        Raises:
            MitofmError: the CSV is missing or unreadable, lacks a column, or holds a label that the config does not
                name or an impossible value; the message gives file and row.
        """
        paths = self.files()
        path = paths[0]
        read = reading.csv(path, self.words.values())
        labels = pd.Series(UNKNOWN, read.index)
        if "label" in self.words:
            labels = self.classes.labels(read[self.words["label"]], str(path))
        cells = pd.DataFrame({key: read.loc[labels.index, word] for key, word in self.words.items()})
        if "sample_id" not in cells:
            names = cells["image"].map(reading.stem) + "-" + cells["x"] + "-" + cells["y"]
            again = names.groupby(names).cumcount()  # the same cell twice is for the checks to report
            cells["sample_id"] = names.mask(again > 0, names + "-" + (again + 1).astype(str))
        if "slide" not in cells:
            cells["slide"] = cells["image"].map(reading.stem)
        cells = cells.assign(label=labels, dataset=self.name)
        return validate(self.describe(cells, cells["image"], paths), str(path))
