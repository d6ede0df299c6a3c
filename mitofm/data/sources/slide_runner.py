"""A SlideRunner database (SQLite) and its slides: CCMCT, CMC, and MIDOG in its second format."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mitofm.data.annotations import validate
from mitofm.data.sources import reading
from mitofm.data.sources.annotated_images import AnnotatedImages
from mitofm.data.sources.domains import fill
from mitofm.errors import MitofmError

_TABLES = ("Slides", "Annotations", "Annotations_coordinates", "Classes")
_CELLS = """
    SELECT Annotations.uid, Annotations.agreedClass AS class, Slides.filename,
           AVG(Annotations_coordinates.coordinateX) AS x, AVG(Annotations_coordinates.coordinateY) AS y
    FROM Annotations
    LEFT JOIN Slides ON Slides.uid = Annotations.slide
    LEFT JOIN Annotations_coordinates ON Annotations_coordinates.annoId = Annotations.uid
    WHERE {kept}
    GROUP BY Annotations.uid
"""


@dataclass
class SlideRunner(AnnotatedImages):
    """A SlideRunner database and the slides it names.

    A cell is an annotation that is not deleted; its class is the one its experts agreed on, its centre the mean of its
    coordinates (one point, or the corners of a box). The database is opened for reading only.
    """

    def table(self) -> pd.DataFrame:
        """The annotation table.

        Raises:
            MitofmError: the database is missing, none of SlideRunner's, or damaged; an annotation has a class without
                a label, no coordinates, an unknown slide, or a slide without a domain.
        """
        path = self.files()[0]
        cells, known = _read(path)
        labels = self.classes.labels(cells["class"], str(path), known)
        cells = cells.loc[labels.index]
        for column, what in (("filename", "a slide that the table Slides does not list"), ("x", "no coordinates")):
            if cells[column].isna().any():
                raise MitofmError(f"{path}: annotation {cells.index[cells[column].isna()][0]} has {what}")
        slides = cells["filename"]
        stems = slides.map(reading.stem)
        cells = fill(cells[["x", "y"]].copy(), slides, self.domains, str(path)).assign(
            sample_id=stems + "-" + cells.index.astype(str),
            dataset=self.name,
            image=reading.below(self.images, slides),
            label=labels,
            slide=stems,
        )
        return validate(cells, str(path))


def _read(path: Path) -> tuple[pd.DataFrame, dict[str, str]]:
    """The annotations that are not deleted (index: their uid), and number -> name of the classes."""
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
            there = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            missing = [name for name in _TABLES if name not in there]
            if missing:
                raise MitofmError(
                    f"{path} is not a SlideRunner database: it lacks the table(s) {', '.join(missing)}; "
                    f"it has: {', '.join(sorted(there)) or 'none'}"
                )
            columns = {column[1] for column in database.execute("PRAGMA table_info(Annotations)")}
            # the first versions of SlideRunner knew no deletion
            kept = "COALESCE(Annotations.deleted, 0) = 0" if "deleted" in columns else "TRUE"
            cells = pd.read_sql_query(_CELLS.format(kept=kept), database, index_col="uid")
            cells.index.name = "annotation"
            known = {str(uid): str(name) for uid, name in database.execute("SELECT uid, name FROM Classes")}
    except (sqlite3.Error, pd.errors.DatabaseError) as error:
        raise MitofmError(f"{path} is not a database that can be read: {error}. Fetch it again") from error
    return cells, known
