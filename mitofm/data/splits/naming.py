"""Matching names that people write differently: `001.tiff`, `001` and a spreadsheet's `1` are one slide."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

_ENDING = re.compile(
    r"(\.ome)?\.(tiff?|svs|ndpi|mrxs|scn|bif|vms|vmu|svslide|dcm|czi|qptiff|isyntax|png|jpe?g|jp2|bmp)$"
)


@dataclass(frozen=True)
class Matched:
    """Which names some words mean."""

    meant: dict[str, str]  # word -> name, of the words that mean one name
    doubtful: dict[str, list[str]]  # word -> the names it may mean, of those that may mean several

    @property
    def close(self) -> int:
        """How many of the words are like a name."""
        return len(self.meant) + len(self.doubtful)


def match_names(words: Iterable[str], names: Collection[str], loosely: bool) -> Matched:
    """The name that each of `words` means, if it means one.

    Args:
        words: each once.
        names: each once.
        loosely: whether a word that is no name is compared again without image ending and case, then also without folders,
            then as a number ("1" and "001"). A word that fits several names is doubtful.
    """
    known = set(names)
    meant = {word: word for word in words if word in known}
    doubtful: dict[str, list[str]] = {}
    rest = [word for word in words if word not in known]
    for form in (_path, _file, _number) if loosely and rest else ():
        called: dict[str, list[str]] = {}
        for name in names:
            called.setdefault(form(name), []).append(name)
        called.pop("", None)
        for word in rest:
            fits = called.get(form(word), [])
            if len(fits) == 1:
                meant[word] = fits[0]
            elif fits:
                doubtful[word] = fits
        rest = [word for word in rest if word not in meant and word not in doubtful]
    return Matched(meant, doubtful)


def _path(name: str) -> str:
    return _ENDING.sub("", name.replace("\\", "/").casefold())


def _file(name: str) -> str:
    return PurePosixPath(_path(name)).name


def _number(name: str) -> str:
    """The number that is the name, without zeros before it; "" if it is none."""
    number = re.fullmatch(r"(\d+)(\.0*)?", _file(name))  # a column of numbers may have become 1.0
    return str(int(number.group(1))) if number else ""
