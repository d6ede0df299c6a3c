"""Pre-cut crops on disk: which there are, which one a word of a CSV means, and what its name says of its slide."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

import pandas as pd

from mitofm.data.sources import reading
from mitofm.data.sources.finding import fold_case
from mitofm.ground.errors import MitofmError

_TABLES = (".csv", ".tsv", ".txt")
_AROUND = ("patches", "crops", "images")


def list_crops(folder: Path) -> list[str]:
    """The images in `folder` and below, as paths relative to it, sorted; what systems leave there is passed over.

    That is whatever is called `._x.png` or lies in `__MACOSX` or a hidden folder.
    """
    found: list[str] = []
    for place, folders, files in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith((".", "__MACOSX"))]
        inside = Path(place).relative_to(folder)
        found += [(inside / file).as_posix() for file in files if _is_image(file)]
    return sorted(found)


def list_tables(folder: Path) -> list[Path]:
    """The files in `folder` that may be a text table, sorted."""
    files = folder.iterdir() if folder.is_dir() else ()
    return sorted(file for file in files if file.suffix.lower() in _TABLES and file.is_file() and file.name[0] != ".")


def list_places(root: Path, name: str) -> list[Path]:
    """Where the files of data set `name` may lie, the nearest first.

    In `root`, or in its folder that is called as the data set but for case and punctuation (`AMi-Br` of `ami_br`), so that
    a clone that holds several data sets can be the root of each; and in each of them in a folder for crops.
    """
    folders = sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
    own = [root, *(path for path in folders if _letters(path.name) == _letters(name))]
    return [place for one in own for place in (one, *_around(one))]


def _around(folder: Path) -> list[Path]:
    return (
        sorted(path for path in folder.iterdir() if path.is_dir() and fold_case(path.name) in _AROUND)
        if folder.is_dir()
        else []
    )


def _letters(name: str) -> str:
    return re.sub(r"[\W_]", "", fold_case(name))


def _is_image(file: str) -> bool:
    return file.lower().endswith(reading.IMAGES) and not file.startswith(".")


class CropNames:
    """What crops may be called: by their path, less folders from the left, each with its ending and without.

    Args:
        crops: what each is called at full length -> the crop itself, both paths.
    """

    def __init__(self, crops: Mapping[str, str]) -> None:
        self._exact: dict[str, list[str]] = {}
        self._alike: dict[str, list[str]] = {}
        for called, crop in crops.items():
            for name in _list_names(called):
                self._exact.setdefault(name, []).append(crop)
                self._alike.setdefault(fold_case(name), []).append(crop)

    def find(self, word: str, beyond: int = 0) -> list[str]:
        """The crops that `word` may mean: none, the one, or several; as it is written first, then in whatever case.

        Args:
            word: a path, with an ending or without, whose leading folders need not be there.
            beyond: how many of its leading folders may be looked past; another ending always may.
        """
        names = _list_names(to_slashes(word))[: 2 * (beyond + 1)]
        exact = next((self._exact[name] for name in names if name in self._exact), [])
        return exact or next((self._alike[fold_case(name)] for name in names if fold_case(name) in self._alike), [])


def _list_names(crop: str) -> list[str]:
    """The path `crop`, less folders from the left, each with its ending (in small letters) and without."""
    *folders, file = PurePosixPath(crop).parts or ("",)
    ending = PurePosixPath(file).suffix
    if ending.lower() in reading.IMAGES:
        bare = file.removesuffix(ending)
        files = (bare + ending.lower(), bare)
    else:
        files = (file, file)
    whole = ("".join(f"{folder}/" for folder in folders[place:]) for place in range(len(folders) + 1))
    return [before + name for before in whole for name in files]


def to_slashes(word: str) -> str:
    """The path `word`, of whatever system, with slashes."""
    return word.replace("\\", "/")


def is_absolute(word: str) -> bool:
    """Whether the path `word` is absolute, by the rules of POSIX or of Windows."""
    return to_slashes(word).startswith("/") or word[1:2] == ":"


def count_shared_folders(words: Iterable[str]) -> int:
    """How many leading folders all of `words` (paths) have in common: they tell no crop from another."""
    befores = {PurePosixPath(to_slashes(word)).parts[:-1] for word in words}
    shortest = min(map(len, befores), default=0)
    return next((n for n in range(shortest) if len({before[n] for before in befores}) > 1), shortest)


def name_samples(crops: pd.Series) -> pd.Series:
    """What to call the samples of `crops` (paths): by the names of their files, or by their whole paths.

    Names without folders and endings where no two crops share one, else without endings, else whole. A crop that comes
    again is told apart by a number.
    """
    own = crops.drop_duplicates()
    ways = (lambda crop: PurePosixPath(crop).stem, reading.stem, lambda crop: crop)
    names = crops.map(next(way for way in ways if own.map(way).is_unique))
    again = crops.groupby(crops).cumcount()
    return names.mask(again > 0, names + "-" + (again + 1).astype(str))


def extract_slides(crops: pd.Series, pattern: str, origin: str) -> pd.Series:
    """The slide of each of `crops` (paths): the first group of the regular expression `pattern` in its name.

    Args:
        crops: their paths; only the name without its ending is looked at.
        pattern: `^([^_]+)_` is what stands before the first `_`.
        origin: what names the crops, for messages.

    Raises:
        MitofmError: the pattern is not one, has no group, or a name does not match.
    """
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise MitofmError(f"source.slide_pattern {pattern!r} is not a regular expression: {error}") from error
    if groups != 1:
        raise MitofmError(f"source.slide_pattern {pattern!r} needs one group (...), the slide; it has {groups}")
    names = crops.map(lambda crop: PurePosixPath(crop).stem)
    found = names.str.extract(pattern, expand=False)
    if found.isna().any():
        raise MitofmError(
            f"{origin}: source.slide_pattern {pattern!r} finds no slide in {crops[found.isna()].iloc[0]} "
            f"({int(found.isna().sum())} such). Correct it, or set it to null: then each crop is its own slide"
        )
    return found
