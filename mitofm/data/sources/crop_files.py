"""Pre-cut crops on disk: which there are, which one a word of a CSV means, and what its name says of its slide."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath

import pandas as pd

from mitofm.data.sources import reading
from mitofm.data.sources.spelling import fold_case, require_group, strip_marks, to_slashes
from mitofm.ground.errors import MitofmError

_TABLES = (".csv", ".tsv", ".txt")
_AROUND = ("patches", "crops", "images")


def list_crops(folder: Path) -> list[str]:
    """The images in `folder` and below, as `mitofm.data.sources.reading.list_files` gives them."""
    return [file for file in reading.list_files(folder) if file.lower().endswith(reading.IMAGES)]


def list_tables(folder: Path) -> list[Path]:
    """The files in `folder` that may be a text table, sorted."""
    files = folder.iterdir() if folder.is_dir() else ()
    return sorted(file for file in files if file.suffix.lower() in _TABLES and file.is_file() and file.name[0] != ".")


def list_places(root: Path, name: str) -> list[Path]:
    """Where the files of data set `name` may lie, the nearest first.

    In `root`, or in its folder that is called as the data set but for case and punctuation (`AMi-Br` of `ami_br`), so that
    a clone that holds several data sets can be the root of each; and in each of them in a folder for crops.
    """
    own = [root, *(path for path in _list_folders(root) if strip_marks(path.name) == strip_marks(name))]
    around = {one: [path for path in _list_folders(one) if fold_case(path.name) in _AROUND] for one in own}
    return [place for one in own for place in (one, *around[one])]


def _list_folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


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

    def find_each(
        self, words: pd.Series, count_beyond: Callable[[str], int], origin: Path, root: Path
    ) -> list[str | None]:
        """The crop that each of `words` (index: the row of the CSV) means, or None; as `find`.

        MitofmError, with its row, for a word that may mean two.
        """
        found = [self.find(word, count_beyond(word)) for word in words]
        for row, word, crops in zip(words.index, words, found, strict=True):
            if len(crops) > 1:
                raise MitofmError(
                    f"{origin}: row {row}: {word!r} may be {crops[0]} or {crops[1]} of {root}. Give folder and ending, or rename one"
                )
        return [crops[0] if crops else None for crops in found]

    def find(self, word: str, beyond: int = 0) -> list[str]:
        """The crops that `word`, a path, may mean: none, the one, or several; as it is written first, then in whatever case.

        As many of its leading folders as `beyond` may be ignored; another ending, or that it has none, always may.
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


def is_absolute(word: str) -> bool:
    """Whether the path `word` is absolute, by the rules of POSIX or of Windows."""
    return to_slashes(word).startswith("/") or word[1:2] == ":"


def count_shared_folders(words: Iterable[str]) -> int:
    """How many leading folders all of `words` (paths) have in common."""
    befores = {PurePosixPath(to_slashes(word)).parts[:-1] for word in words}
    shortest = min(map(len, befores), default=0)
    return next((n for n in range(shortest) if len({before[n] for before in befores}) > 1), shortest)


def name_samples(crops: pd.Series) -> pd.Series:
    """What to call the samples of `crops` (paths): by the names of their files, or by their whole paths.

    Names without folders and endings if no two crops share one, else without endings, else whole. A crop that comes
    again is told apart by a number.
    """
    own = crops.drop_duplicates()
    ways = (lambda crop: PurePosixPath(crop).stem, reading.stem, lambda crop: crop)
    names = crops.map(next(way for way in ways if own.map(way).is_unique))
    return number_repeated(names, crops)


def number_repeated(names: pd.Series, keys: pd.Series) -> pd.Series:
    """`names`, those of a key that comes again with a number behind them: a, a-2, a-3."""
    again = keys.groupby(keys).cumcount()
    return names.mask(again > 0, names + "-" + (again + 1).astype(str))


def extract_slides(crops: pd.Series, pattern: str, origin: str) -> pd.Series:
    """The slide of each of `crops` (paths): the group of the regular expression `pattern` in its name without ending.

    `^([^_]+)_` is what stands before the first `_`. MitofmError, naming `origin`, if `pattern` is no regular expression with
    one group, or does not match a name.
    """
    require_group(pattern, "data.source.slide_pattern")
    found = crops.map(lambda crop: PurePosixPath(crop).stem).str.extract(pattern, expand=False)
    if found.isna().any():
        raise MitofmError(
            f"{origin}: data.source.slide_pattern {pattern!r} finds no slide in {crops[found.isna()].iloc[0]} "
            f"({int(found.isna().sum())} such). Correct it, or set it to null: then each crop is its own slide"
        )
    return found
