"""A SlideRunner database (SQLite) and its slides: CCMCT, CMC, TUPAC16, and MIDOG in its second format."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import KW_ONLY, dataclass
from pathlib import Path

import pandas as pd

from mitofm.data.annotations import VOTES, validate
from mitofm.data.sources import reading, slide_paths
from mitofm.data.sources.annotated_images import AnnotatedImages
from mitofm.ground.errors import MitofmError, unknown
from mitofm.ground.scratch import scratch

_TABLES = ("Slides", "Annotations", "Annotations_coordinates", "Classes")
_NO_SAMPLES = {3: "polygons", 6: "labels of whole images"}  # SlideRunner's other types are spots, boxes and circles
_POLYGONS = ("error", "drop")
_ENTRIES = """
    SELECT Annotations.uid, COALESCE(Annotations.agreedClass, 0) AS class, Annotations.slide, {type} AS type, x, y
    FROM Annotations
    LEFT JOIN (
        SELECT annoId, AVG(coordinateX) AS x, AVG(coordinateY) AS y FROM Annotations_coordinates GROUP BY annoId
    ) ON annoId = Annotations.uid
    WHERE {kept}
"""
_VOTES = """
    SELECT annoId AS annoId, person AS person, class AS class
    FROM Annotations_label
    WHERE class > 0 AND person IS NOT NULL  -- class 0: none
    ORDER BY rowid
"""


@dataclass(frozen=True)
class _Database:
    """What is read of a database."""

    entries: pd.DataFrame  # the annotations that are not deleted, by uid: class, slide, type, x, y (px)
    slides: pd.Series  # the path of each slide, by its uid
    classes: dict[str, str]  # number -> name
    votes: pd.DataFrame  # one row per annotation and person: annoId, person, class; the latest of a person


@dataclass
class SlideRunner(AnnotatedImages):
    """A SlideRunner database and the slides it names.

    A sample is an annotation that is not deleted; its class is the one its experts agreed on, its centre the mean of its
    coordinates (one point, or the corners of a box or of the square around a circle). Polygons are no samples. A slide is
    called after its path (`mitofm.data.sources.slide_paths.make_relative`), without ending and in one word. What each person
    labelled is a vote; votes are in the table if there are several persons and every sample has a vote. The database is
    opened for reading only.

    Args:
        polygons: what happens to polygons of positive and negative classes: "error" (null), or "drop".
    """

    _: KW_ONLY
    polygons: str | None = None

    def __post_init__(self) -> None:
        if self.polygons is not None and self.polygons not in _POLYGONS:
            raise unknown("source.polygons", self.polygons, _POLYGONS)
        super().__post_init__()

    def files(self) -> list[Path]:
        """The database, the table of cases if there is one, and what a program left beside the database."""
        files = super().files()
        return [*files, *_list_pending(files[0])]

    def table(self) -> pd.DataFrame:
        """The annotation table. MitofmError, with its place, for whatever in the files has no meaning."""
        paths = self.files()
        origin, database = str(paths[0]), _read(paths[0])
        entries = self._drop_polygons(database, origin)
        labels = self.classes.to_labels(entries["class"], origin, database.classes)
        entries = entries.loc[labels.index]
        files = entries["slide"].map(database.slides)
        for column, what in ((files, "a slide that the table Slides does not list"), (entries["x"], "no coordinates")):
            if column.isna().any():
                raise MitofmError(f"{origin}: annotation {entries.index[column.isna()][0]} has {what}")
        stems = files.map(reading.stem)
        samples = entries[["x", "y"]].assign(
            sample_id=stems + "-" + entries.index.astype(str), dataset=self.name, label=labels, slide=stems
        )
        samples = samples.join(_count_votes(database.votes, labels.index, self.classes.positives(database.classes)))
        return validate(self.describe(samples, files, paths), origin)

    def _drop_polygons(self, database: _Database, origin: str) -> pd.DataFrame:
        """The entries that can be samples. Polygons of a class with a label are an error, or are dropped."""
        entries = database.entries
        other = entries["type"].isin(list(_NO_SAMPLES))
        named = self.classes.positives(database.classes) | self.classes.negatives(database.classes)
        wrong = other & entries["class"].astype(str).isin(named)
        if wrong.any() and self.polygons != "drop":
            kinds = entries.loc[wrong, "type"]
            words = " and ".join(_NO_SAMPLES[kind] for kind in sorted(kinds.unique()))
            of = sorted(entries.loc[wrong, "class"].astype(str).unique())
            classes = ", ".join(f"{one} ({database.classes.get(one, '?')})" for one in of)
            raise MitofmError(
                f"{origin}: {len(kinds)} of its annotations of class {classes} are {words} (annotation {kinds.index[0]}; "
                f"{int(other.sum())} such of {len(entries)} in all), which are no samples: a sample is a point, a box or "
                "a circle. Name other classes, or leave them out with data.source.polygons=drop"
            )
        return entries[~other]


def _count_votes(votes: pd.DataFrame, samples: pd.Index, positive: Collection[str]) -> pd.DataFrame:
    """The columns of votes, or none if there is one person only, or a sample without a vote."""
    votes = votes[votes["annoId"].isin(samples)]
    if votes["person"].nunique() < 2 or votes["annoId"].nunique() < len(samples):
        return pd.DataFrame(index=samples)
    agrees = votes["class"].astype(str).isin(list(positive)).groupby(votes["annoId"])
    return pd.DataFrame({VOTES[0]: agrees.sum(), VOTES[1]: agrees.size()})


def _read(path: Path) -> _Database:
    """What is needed of the database. MitofmError if it cannot be read, or lacks a table."""
    try:
        with _open(path) as database:
            there = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            missing = [name for name in _TABLES if name not in there]
            if missing:
                raise MitofmError(
                    f"{path} is not a SlideRunner database: it lacks the table(s) {', '.join(missing)}; "
                    f"it has: {', '.join(sorted(there)) or 'none'}"
                )
            # the first versions of SlideRunner knew no deletion, types or directories
            columns = _list_columns(database, "Annotations")
            query = _ENTRIES.format(
                type="Annotations.type" if "type" in columns else "NULL",
                kept="COALESCE(Annotations.deleted, 0) = 0" if "deleted" in columns else "TRUE",
            )
            entries = pd.read_sql_query(query, database, index_col="uid").rename_axis("annotation")
            directory = "directory" if "directory" in _list_columns(database, "Slides") else "NULL AS directory"
            slides = pd.read_sql_query(
                f"SELECT uid, filename, {directory} FROM Slides WHERE filename IS NOT NULL", database, index_col="uid"
            )
            known = {str(uid): str(name) for uid, name in database.execute("SELECT uid, name FROM Classes")}
            votes = pd.DataFrame(columns=["annoId", "person", "class"])
            if "Annotations_label" in there:
                votes = pd.read_sql_query(_VOTES, database).drop_duplicates(["annoId", "person"], keep="last")
    except (sqlite3.Error, pd.errors.DatabaseError, OSError) as error:
        raise MitofmError(f"{path} is not a database that can be read: {error}. Fetch it again") from error
    return _Database(entries, slide_paths.make_relative(slides), known, votes)


def _list_columns(database: sqlite3.Connection, table: str) -> set[str]:
    return {column[1] for column in database.execute(f"PRAGMA table_info({table})")}


def _list_pending(path: Path) -> list[Path]:
    """Files beside a database that hold changes of it."""
    beside = [path.with_name(path.name + ending) for ending in ("-wal", "-journal")]
    return [file for file in beside if file.is_file() and file.stat().st_size > 0]


@contextmanager
def _open(path: Path) -> Iterator[sqlite3.Connection]:
    """The database in `path`, with what a program that is open or was killed left beside it; nothing is written there.

    SQLite itself would make files beside a database in WAL mode, and cannot open one in a folder that is not to be
    written to.
    """
    pending = _list_pending(path)
    if not pending:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?immutable=1", uri=True)) as database:
            yield database
        return
    with scratch("mitofm-database-") as folder:
        for file in (path, *pending):
            shutil.copyfile(file, folder / file.name)
        with closing(sqlite3.connect(folder / path.name)) as database:
            yield database
