"""One's own pre-cut crops, in a folder per class or named by a CSV."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path, PurePath
from typing import Any

import pandas as pd

from mitofm.data import tabular
from mitofm.data.sources import class_folders, crop_files, finding
from mitofm.data.sources.class_folders import ClassFolders
from mitofm.data.sources.classes import OTHERS, Names, tell_classes
from mitofm.data.sources.crops import Columns, Crops
from mitofm.data.sources.crops_csv import COLUMNS, CropsCsv
from mitofm.data.sources.spelling import list_words, strip_marks, to_slashes
from mitofm.ground.errors import MitofmError

# What a column is commonly called, less case and punctuation; the first that is there and means nothing else.
_WORDS = {
    "crop": "crop croppath cropfile patch patchpath patchfile tile imagefile imageid imagepath imagename path filepath file "
    "filename name image img",
    "label": "label class classname majority target groundtruth category",
    "sample_id": "sampleid",
    "slide": "slide slideid slidename wsi case caseid filename image",
    "patient": "patient patientid",
    "domain": "domain tumortype tumordomain tumor tumourtype tumour",
    "species": "species",
    "scanner": "scanner",
    "x": "x coordinatex centerx centrex",
    "y": "y coordinatey centery centrey",
    "mpp": "mpp",
}

_GROUPS = ("slide", "patient", "domain")


class OwnCrops(Crops):
    """Crops in a folder of one's own.

    A table (`.csv`, `.tsv`, `.txt`) in the folder with a column that names the images below it is read as
    `mitofm.data.sources.crops_csv.CropsCsv`; its columns and words of labels are recognized by common words. If it has no
    labels, or there is none, the folders are the classes (`mitofm.data.sources.class_folders.ClassFolders`), and folders
    in these are slides. The config states what common words do not tell.

    Args:
        file: the table, if there are several.
        columns: its words that are not common ones; null: the column of the common word is something else.
        positive: words of label 1: folders, or values of the column of labels.
        negative: words of label 0.
        ignored: as for `CropsCsv`.
        more: see `mitofm.data.sources.crops.Crops`. Without `domains` all is one domain with the name of the data set.
    """

    def __init__(
        self,
        root: str | Path,
        name: str,
        file: str | Sequence[str] | None = None,
        columns: Columns | None = None,
        positive: Names = (),
        negative: Names = (),
        ignored: Names = (),
        **more: Any,
    ) -> None:
        super().__init__(root, name, file, columns, COLUMNS, **more)
        self.stated = dict(columns or {})
        self.positive, self.negative = _to_strings(positive), _to_strings(negative)
        if bool(self.positive) != bool(self.negative):
            raise MitofmError(
                f"data set {name!r}: state both data.source.positive and data.source.negative, or neither"
            )
        self.ignored = ignored
        self.more = more | {"domains": self.domains or [{"domain": name}]}

    @property
    def root(self) -> Path:
        """The folder that the crops' paths are relative to."""
        with suppress(MitofmError):
            return self.source.root
        return self._given

    def prepare(self) -> None:
        """Check that every crop is there."""
        self.source.prepare()

    def files(self) -> list[Path]:
        """The table, or the crops if their folders are their labels."""
        return self.source.files()

    def table(self) -> pd.DataFrame:
        """The annotation table. MitofmError if there is neither a table of crops nor folders of classes."""
        return self.source.table()

    @cached_property
    def source(self) -> ClassFolders | CropsCsv:
        """What reads the files that lie there. MitofmError if neither can, or table, folders or words are ambiguous."""
        if not self._given.is_dir():
            raise finding.absent(f"data set {self.name!r}", f"{self._given} has no crops", self._given)
        path, columns = self._find_table()
        if path is not None and ("label" in columns or "label" in self.stated):
            return self._make_crops_csv(path, columns)
        return self._make_class_folders(path, columns)

    def _find_table(self) -> tuple[Path | None, dict[str, str | Sequence[str] | None]]:
        """The table that names crops, and its columns."""
        names = crop_files.CropNames({crop: crop for crop in crop_files.list_crops(self._given)})
        if self.file is not None:
            path = finding.find(self._given, self.file, f"data set {self.name!r}")
            read = tabular.read(path)
            columns = self._tell_columns(read, names)
            if "crop" not in columns:
                raise MitofmError(
                    f"{path}: none of its columns names an image below {self._given}; it has: {', '.join(read)}. Put the "
                    "crops there, or name the column with data.source.columns.crop"
                )
            return path, columns
        found = []
        for path in crop_files.list_tables(self._given):
            with suppress(MitofmError):  # a text about the data, say
                columns = self._tell_columns(tabular.read(path), names)
                if "crop" in columns:
                    found.append((path, columns))
        if len(found) > 1:
            told = " and ".join(path.name for path, _ in found)
            raise MitofmError(
                f"data set {self.name!r}: {told} of {self._given} both name crops. Say which with data.source.file"
            )
        if self.stated and not found:
            crop = self.stated.get("crop")
            lacking = f"has the column {crop}" if crop else f"names its images; {finding.describe(self._given)}"
            raise MitofmError(
                f"data set {self.name!r}: data.source.columns is stated, but no table in {self._given} {lacking}"
            )
        return found[0] if found else (None, {})

    def _tell_columns(self, read: pd.DataFrame, names: crop_files.CropNames) -> dict[str, str | Sequence[str] | None]:
        """Which columns of a table are what: as the config states, else by their common words."""
        stated = {word for words in self.stated.values() for word in _to_strings(words)}
        free = {strip_marks(column): column for column in read if column not in stated}
        columns: dict[str, str | Sequence[str] | None] = {}
        if "crop" not in self.stated:
            crop = _find_naming(read[list(free.values())], names)
            if crop is None:
                return {}
            columns["crop"] = crop
            del free[strip_marks(crop)]
        elif not set(_to_strings(self.stated["crop"])) <= set(read):
            return {}
        for key in [key for key in _WORDS if key != "crop" and key not in self.stated]:
            word = next((word for word in _WORDS[key].split() if word in free), None)
            if word is not None and (key == "label" or _is_filled(read[free[word]], key)):
                columns[key] = free.pop(word)
        if not {"x", "y"} <= set(columns) | set(self.stated):
            columns.pop("x", None)
            columns.pop("y", None)
        return columns | self.stated

    def _make_crops_csv(self, path: Path, columns: Columns) -> CropsCsv:
        positive, negative = self.positive, self.negative
        label = columns["label"]
        if not positive and isinstance(label, str):
            ignored = {""} if self.ignored == OTHERS else {"", *_to_strings(self.ignored)}
            words = sorted({*tabular.read(path).get(label, ())} - ignored)
            positive, negative = tell_classes(words)
            if not positive and words:
                shown = ", ".join(words[:8]) + (", ..." if len(words) > 8 else "")
                raise MitofmError(
                    f"{path}: its column {label} holds {shown}: which words are which label? State them with "
                    "data.source.positive=[...] data.source.negative=[...]"
                )
        file = path.relative_to(self._given).as_posix() if path.is_relative_to(self._given) else str(path.resolve())
        return CropsCsv(self._given, self.name, file, columns, positive, negative, self.ignored, **self.more)

    def _make_class_folders(self, path: Path | None, columns: Columns) -> ClassFolders:
        given = self._given
        folders = sorted(one for one in given.iterdir() if one.is_dir() and not one.name.startswith((".", "__MACOSX")))
        if self.positive:
            holding, positive, negative = given, self.positive, self.negative
        else:
            told = {
                one: tell_classes([inside.name for inside in one.iterdir() if inside.is_dir()])
                for one in (given, *folders)
            }
            holders = [one for one, (positive, _) in told.items() if positive]
            sure = {*crop_files.list_places(given, self.name)} | ({*folders} if len(folders) == 1 else set())
            holding = next((one for one in holders if one in sure), given)
            positive, negative = told[holding]
            if not positive:
                raise self._untold(path, folders, holders)
        known = {*class_folders.KEYS, *self.stated}  # what the table is told to hold and cannot be used is an error
        stated = {key: words for key, words in columns.items() if words is not None and key in known}
        file = None if path is None else str(path.resolve())
        return ClassFolders(holding, self.name, positive, negative, 0, file, stated, **self.more)

    def _untold(self, path: Path | None, folders: list[Path], holders: list[Path]) -> MitofmError:
        if holders:
            places = ", ".join(one.name for one in holders)
            return MitofmError(
                f"data set {self.name!r}: {self._given} holds {len(folders)} folders, and in these lie folders of classes: in "
                f"{places}. Point data.source.root at one of them, or name the folders of several: "
                "data.source.positive=[A/x,B/x] data.source.negative=[A/y,B/y]"
            )
        if path and not folders:
            has = ", ".join(tabular.read(path))
            return MitofmError(
                f"data set {self.name!r}: {path} names crops, and none of its columns is known to hold labels; it has: {has}. Say "
                "which does: 'data.source.columns={label: WORD}'"
            )
        listed = ", ".join(folder.name for folder in folders) or "none"
        table = f"{path} names crops but no labels" if path else "no table in it names its images"
        return MitofmError(
            f"data set {self.name!r}: {table}, and the folders of {self._given} are not two classes by their common words. "
            f"There are the folders: {listed}. State which are which with data.source.positive=[...] "
            "data.source.negative=[...], or put a CSV there that has a column of files and one of labels"
        )


def _find_naming(read: pd.DataFrame, names: crop_files.CropNames) -> str | None:
    """The column of `read` that names crops: of those with the most values that do, the one of the commonest word."""
    words = _WORDS["crop"].split()
    others = {word for key, said in _WORDS.items() for word in said.split()} - set(words)
    known = {
        column: sum(bool(names.find(word, len(PurePath(to_slashes(word)).parts))) for word in read[column].unique())
        for column in read
        if strip_marks(column) not in others
    }
    most = max(known.values(), default=0)
    rank = {
        column: words.index(strip_marks(column)) if strip_marks(column) in words else len(words) for column in known
    }
    return min((column for column in known if known[column] == most), key=rank.__getitem__) if most else None


def _is_filled(column: pd.Series, key: str) -> bool:
    """Whether a column is filled in every row; of the columns in `_GROUPS` in any, as gaps in these are refused later."""
    said = column != ""
    return bool(said.any() if key in _GROUPS else said.all())


def _to_strings(words: Names | None) -> list[str]:
    return list(map(str, list_words(words)))
