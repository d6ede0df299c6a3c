"""A table of cases: domain, scanner, species and patient of each image, published beside the annotations."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mitofm.data import tabular
from mitofm.data.sources import reading
from mitofm.data.sources.spelling import FIELDS, fold_case, list_names, to_slashes
from mitofm.ground.errors import MitofmError

SAID = (*FIELDS, "patient")


@dataclass(frozen=True)
class Cases:
    """How a table of cases is read.

    Attributes:
        file: the table, in the data set's folder.
        image: its column that names the image: by file name, with or without ending, or by number (`1` is `001.tiff`).
        domain: its column of that, as are species, scanner and patient; None: it has none.
            Species are read in small letters.
    """

    file: str
    image: str
    domain: str | None = None
    species: str | None = None
    scanner: str | None = None
    patient: str | None = None

    def describe(self, samples: pd.DataFrame, files: pd.Series, path: Path) -> pd.DataFrame:
        """`samples` with what the table says of their images, which replaces what was known before.

        MitofmError if the table cannot be read, lacks a column, says two things of one image, or knows none of them.

        `files` are the image of each, as its annotations name it.
        """
        known = self._read(path)
        keys = {
            file: next((key for key in map(_to_key, list_names(file)) if key in known.index), None)
            for file in files.unique()
        }
        if not any(keys.values()):
            raise MitofmError(
                f"{path}: its column {self.image} names none of the images of the samples: it has {known.index[0]!r} "
                f"and {len(known) - 1} more, they are in {files.iloc[0]}. Name the right column under source.cases.image"
            )
        said = known.reindex(files.map(keys)).set_axis(samples.index)
        before = samples.reindex(columns=known.columns)
        return samples.assign(**{column: said[column].where(said[column].notna(), before[column]) for column in known})

    def _read(self, path: Path) -> pd.DataFrame:
        """What the table says (columns of `SAID`), by the key of the image."""
        columns = {what: getattr(self, what) for what in SAID if getattr(self, what) is not None}
        if not columns:
            raise MitofmError(f"source.cases: name a column of {self.file} for one of: {', '.join(SAID)}")
        read = reading.read_csv(path, [self.image], columns.values())
        said = pd.DataFrame({what: read[column] for what, column in columns.items()})
        if "species" in said:
            said["species"] = said["species"].str.lower()
        said.index = pd.Index(read[self.image].map(_to_key), name=self.image)
        said = said[~(said.reset_index().duplicated().to_numpy())]
        again = said.index.duplicated()
        if again.any():
            raise MitofmError(f"{path}: it says two things of the image {said.index[again][0]!r}. Keep one of its rows")
        return said


def _to_key(name: str) -> str:
    """A name as names are compared; a number is one number however it is written."""
    key = tabular.drop_decimals(fold_case(to_slashes(name)))
    return str(int(key)) if key.isdecimal() else key
