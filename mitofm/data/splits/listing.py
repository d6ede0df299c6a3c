"""Reading a split file in whatever words and columns: the part of each sample, slide or image that it names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pandas as pd

from mitofm.data import tabular
from mitofm.data.sources.spelling import list_words
from mitofm.data.splits.naming import Matched, match_names
from mitofm.data.splits.part import PARTS, TEST, TRAIN, UNUSED, VALIDATION
from mitofm.ground.errors import MitofmError, unknown

COLUMNS = ("sample", "slide", "part", "evaluation_set")
WORDS = {
    TRAIN: ("train", "training"),
    VALIDATION: ("validation", "valid", "val", "dev"),
    TEST: ("test", "testing"),
    UNUSED: ("unused",),
}
"""The usual words for each part."""

SETS = "evaluation_set"
_SAMPLE, _SLIDES = "sample_id", ("slide", "image", "filename")
_PARTS = ("part", "split")
_MAYBE_PARTS = ("dataset", "set", "subset", "partition")  # if all they hold are words for parts
_NAMES = {_SAMPLE: ("sample_id", "crop"), **dict.fromkeys(_SLIDES, ("own_slide", "slide", "image", "crop"))}
"""Where in an annotation table the names in a column of a split file are looked for, one after the other."""

Title = str | Sequence[str]


@dataclass(frozen=True)
class Listing:
    """The rows of a split file.

    Attributes:
        place: the file, for messages.
        rows: index: the row as a spreadsheet counts it, the header being row 1. said (the file's word for the part), part
            (one of `PARTS`), evaluation_set ("" if none), and under each of `keys` a name.
        keys: the columns that may name what a row is about, the nearest first.
    """

    place: str
    rows: pd.DataFrame
    keys: tuple[str, ...]

    def count_words(self) -> str:
        """How often the file says which word, for messages."""
        counts = self.rows["said"].value_counts()
        return " and ".join(f"{word!r} {count} times" for word, count in counts.items())

    def find_parts(self, table: pd.DataFrame, ignoring: bool = False) -> tuple[pd.DataFrame, list[str]]:
        """What the file says of each sample of `table`, and the names in it that nothing in the table has.

        Args:
            table: annotation table of N samples; `own_slide`, if it is there, is the slide before slides were joined.
            ignoring: whether such names are ignored, unless all are such.

        Returns:
            Indexed as `table`: part and evaluation_set, missing for samples that the file does not name. The names.

        Raises:
            MitofmError: a name is unknown, ambiguous, another spelling of one that the file has too, or in two parts.
        """
        key, column, found = self._match(table)
        said = self._drop_repeated(key)
        for word, names in found.doubtful.items():
            raise self._error(said, key, word, f"it may be {names[0]!r} or {names[1]!r}; write the name as there")
        word_of: dict[str, str] = {}
        for word, name in found.meant.items():
            if word_of.setdefault(name, word) != word:
                other = said.index[said[key] == word_of[name]][0]
                raise self._error(said, key, word, f"it is {name!r}, which row {other} calls {word_of[name]!r}")
        strange = [word for word in said[key] if word not in found.meant]
        if strange and not (ignoring and word_of):
            has = ", ".join(map(repr, table[column].drop_duplicates().head(3)))
            raise self._error(
                said,
                key,
                strange[0],
                f"no sample of the annotation table has this {key} ({len(strange)} such names; it has {has})",
            )
        known = said.set_index(key)[["part", SETS]].loc[list(word_of.values())].set_axis(list(word_of))
        return known.reindex(table[column]).set_axis(table.index), strange

    def _match(self, table: pd.DataFrame) -> tuple[str, str, Matched]:
        """The column of the file and that of the table whose names match best, and the matches."""
        best: tuple[str, str, Matched] | None = None
        for loosely, key in product((False, True), self.keys):
            words = list(self.rows[key].unique())
            for column in (name for name in _NAMES[key] if name in table):
                found = match_names(words, list(table[column].unique()), loosely)
                if best is None or found.close > best[2].close:
                    best = key, column, found
                if len(found.meant) == len(words):
                    return best
        assert best is not None  # every table has the columns sample_id, slide and image
        return best

    def _drop_repeated(self, key: str) -> pd.DataFrame:
        """The first row of each name; MitofmError if others of that name differ."""
        first = self.rows.groupby(key)[["part", SETS]].transform("first")
        differs = (self.rows[["part", SETS]] != first).any(axis=1)
        if differs.any():
            row = differs.idxmax()
            name, said = self.rows.loc[row, [key, "said"]]
            other = self.rows[self.rows[key] == name].iloc[0]
            raise MitofmError(
                f"{self.place}, row {row} ({name!r}): the {key} occurs twice ({int(differs.sum())} such rows): here as "
                f"{said!r}, in row {other.name} as {other['said']!r}"
                + ("" if said != other["said"] else ", in different evaluation sets")
            )
        return self.rows[~self.rows[key].duplicated()]

    def _error(self, rows: pd.DataFrame, key: str, word: str, problem: str) -> MitofmError:
        row = rows.index[rows[key] == word][0]
        return MitofmError(f"{self.place}, row {row} ({word!r}): {problem}")


def read(
    path: Path,
    place: str,
    columns: Mapping[str, Title | None],
    words: Mapping[str, Sequence[str] | None],
    listed: str | None,
) -> Listing:
    """Read a split file: a text table of any dialect, or parquet.

    Args:
        path: the file.
        place: what messages call it.
        columns: the file's own columns, by what is in them (`COLUMNS`); several are joined with "_". None: told by the
            usual words, without regard to case.
        words: the file's own words for each part; None: the usual ones.
        listed: the part of every row, if the file has no column of parts; None: it must have one.

    Raises:
        MitofmError: it cannot be read, lacks a column, is empty, or has a word in it that is no part's.
    """
    frame = _read_frame(path, place)
    meaning = _map_words(words)
    keys = _find_keys(frame, columns, place)
    said = _find_said(frame, columns, meaning, place)
    if not keys or (said is None and listed is None):
        raise MitofmError(
            f"{place} needs the columns 'sample_id' or 'slide', and 'part'. It has: {', '.join(frame)}. "
            "Say which they are in `columns`, or in `listed` what every row is"
        )
    if frame.empty:
        raise MitofmError(f"{place} lists no samples")
    if said is None:
        said = pd.Series(listed, frame.index)
        part = said
    else:
        part = said.map(lambda word: meaning.get(_plain(word)))
    if part.isna().any():
        row = part.isna().idxmax()
        raise unknown("part", said[row], meaning, f"{place}, row {row}")
    title = columns.get(SETS)
    sets = _find_usual(frame, SETS, place) if title is None else _find_column(frame, title, place)
    rows = pd.DataFrame({**keys, "said": said, "part": part, SETS: "" if sets is None else sets})
    wrong = (rows["part"] != TEST) & (rows[SETS] != "")
    if wrong.any():
        row, key = wrong.idxmax(), next(iter(keys))
        raise MitofmError(
            f"{place}, row {row} ({rows.loc[row, key]!r}): only test rows may have an evaluation_set "
            f"({int(wrong.sum())} such rows)"
        )
    return Listing(place, rows, tuple(keys))


def _read_frame(path: Path, place: str) -> pd.DataFrame:
    """The table in the file as text without blanks around it, missing values "", by row."""
    try:
        if path.suffix.lower() != ".parquet":
            return tabular.read_numbered(path)
        frame = pd.read_parquet(path)
    except MitofmError as error:
        raise MitofmError(f"{place} cannot be read; a .csv or .parquet file is needed: {error}") from error
    except (OSError, ValueError) as error:
        raise MitofmError(f"{place} cannot be read: {error}") from error
    if frame.index.names != [None]:
        frame = frame.reset_index()
    text = frame.astype("string").fillna("").map(str.strip).astype(object)
    text.columns = [str(title).strip() for title in frame.columns]
    return text.set_axis(pd.RangeIndex(2, len(text) + 2))


def _find_keys(frame: pd.DataFrame, columns: Mapping[str, Title | None], place: str) -> dict[str, pd.Series]:
    """The columns that say what a row is about."""
    for key, title in ((_SAMPLE, columns.get("sample")), ("slide", columns.get("slide"))):
        if title is not None:
            return {key: _find_column(frame, title, place)}
    usual = {key: _find_usual(frame, key, place) for key in (_SAMPLE, *_SLIDES)}
    there = {key: column for key, column in usual.items() if column is not None}
    return {_SAMPLE: there[_SAMPLE]} if _SAMPLE in there else there


def _find_said(
    frame: pd.DataFrame, columns: Mapping[str, Title | None], meaning: Mapping[str, str], place: str
) -> pd.Series | None:
    """The column of parts, in the file's words; None if there is none."""
    stated = columns.get("part")
    if stated is not None:
        return _find_column(frame, stated, place)
    for title in (*_PARTS, *_MAYBE_PARTS):
        column = _find_usual(frame, title, place)
        if column is not None and (title in _PARTS or column.map(_plain).isin(meaning).all()):
            return column
    return None


def _find_column(frame: pd.DataFrame, title: Title, place: str) -> pd.Series:
    """A column by its word; of several words, their values joined."""
    if isinstance(title, (list, tuple)):
        columns = [_find_column(frame, one, place) for one in title]
        return pd.Series(["_".join(values) for values in zip(*columns, strict=True)], frame.index)
    found = _find_usual(frame, str(title), place)
    if found is None:
        raise unknown("column", title, frame, place)
    return found


def _find_usual(frame: pd.DataFrame, title: str, place: str) -> pd.Series | None:
    """A column by its word, without regard to case unless one has it as it is; None if there is none."""
    fits = [title] if title in frame else [one for one in frame if one.casefold() == title.strip().casefold()]
    if len(fits) > 1:
        raise MitofmError(f"{place}: its columns {fits[0]!r} and {fits[1]!r} may both be meant. Rename one of them")
    return frame[fits[0]] if fits else None


def _map_words(words: Mapping[str, Sequence[str] | None]) -> dict[str, str]:
    """The part that each word means."""
    for part in words:
        if part not in PARTS:
            raise unknown("part", part, PARTS, "words")
    meaning: dict[str, str] = {}
    for part in PARTS:
        given = words.get(part)
        for word in WORDS[part] if given is None else list_words(given):
            if meaning.setdefault(_plain(word), part) != part:
                raise MitofmError(
                    f"words: {str(word)!r} means {meaning[_plain(word)]} and {part}; it can mean one part"
                )
    return meaning


def _plain(word: object) -> str:
    return str(word).strip().casefold()
