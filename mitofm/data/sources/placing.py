"""Images that lie elsewhere than their annotations say: in another case, in another folder, as .tif instead of .tiff."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from mitofm.data.sources.reading import list_files
from mitofm.data.sources.spelling import fold_case
from mitofm.ground.errors import MitofmError

_DEPTH = 4  # folders below the root that are looked into
_SAME_FORMAT = {".tiff": ".tif"}


def place(root: Path, files: Iterable[str], name: str) -> dict[str, str]:
    """The path, relative to `root`, at which each of `files`, paths relative to it too, lies.

    It is the stated one if a file is there. Else it is the path of the one file below `root` that ends in the stated path,
    or in the longest part of it that no other of `files` ends in. Case does not count, and `.tif` and `.tiff` are one
    ending; an exact name is preferred, then one in the stated folder. A file that is found nowhere keeps its stated path.

    MitofmError if a path fits two files.
    """
    placed = {file: file for file in sorted(set(files))}
    absent = [file for file in placed if not (root / file).is_file()]
    if not absent or not root.is_dir():
        return placed
    ends = Counter(end for file in placed for end in _list_ends(_spell(file)))
    alike = defaultdict(list)
    for file in sorted({*list_files(root, _DEPTH)} - (set(placed) - set(absent))):
        alike[_spell(file)[-1]].append(file)
    found = {file: _find(file, alike[_spell(file)[-1]], ends, root, name) for file in absent}
    meant = Counter(found.values())
    return placed | {file: place for file, place in found.items() if place is not None and meant[place] == 1}


def _find(file: str, alike: list[str], ends: Counter[tuple[str, ...]], root: Path, name: str) -> str | None:
    """Which of `alike`, files of the same name, is `file`; None: none of them."""
    for end in _list_ends(_spell(file)):
        depth = len(end)
        if ends[end] > 1:
            break
        fits = [one for one in alike if _spell(one)[-depth:] == end]
        exact = [one for one in fits if PurePosixPath(one).parts[-depth:] == PurePosixPath(file).parts[-depth:]]
        beside = [one for one in fits if PurePosixPath(one).parent == PurePosixPath(file).parent]
        best = exact or beside or fits
        if len(best) > 1:
            raise MitofmError(
                f"data set {name!r}: image {file} is not at this path in {root}, and {best[0]} or {best[1]} may be meant. "
                "Name the folder of the images with data.source.images, or take one of the two away"
            )
        if best:
            return best[0]
    return None


def _list_ends(parts: tuple[str, ...]) -> list[tuple[str, ...]]:
    """What a path ends in, from the whole of it to its last part."""
    return [parts[start:] for start in range(len(parts))]


def _spell(file: str) -> tuple[str, ...]:
    """The parts of a path in the one spelling in which names are compared."""
    path = PurePosixPath(fold_case(file))
    return path.with_suffix(_SAME_FORMAT.get(path.suffix, path.suffix)).parts
