"""Which column of a table is meant by each key of a source, and in which unit its positions are."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence

from mitofm.data.sources.points import PX, UM
from mitofm.ground.errors import MitofmError

COLUMNS = {
    "x": "x",
    "y": "y",
    "label": "label",
    "image": "filename",
    "slide": "slide",
    "domain": "tumortype",
    "patient": "patient",
}
"""The words that are looked for unless the config says others."""
DISPENSABLE = ("slide", "domain", "patient")  # keys whose column may be absent, if the config does not say its word

_POSITION = (
    "{} centroid{} coordinate{} {}coordinate coord{} {}coord center{} centre{} {}center {}centre c{} pos{} {}pos"
)
_ALIASES = {  # other words of the field and of QuPath, as `_plain` spells them; the first that is there is meant
    **{axis: tuple(_POSITION.replace("{}", axis).split()) for axis in "xy"},
    "label": ("label", "labels", "classification", "class", "classname", "category"),
    "image": ("filename", "file", "image", "imagename", "imagefile", "imagefilename", "imagepath", "filepath"),
    "slide": ("slide", "slideid", "slidename", "case", "caseid"),
    "patient": ("patient", "patientid"),
    "domain": ("tumortype", "tumourtype", "tumor", "tumour", "domain", "organ"),
}
_MISREAD = {"Âµ": "µ", "Î¼": "µ", "¬µ": "µ"}  # the micro sign of UTF-8, read in another encoding
_LOST = re.compile(r"(?<=[\s\[(_])[?\ufffd](?=m\b)")  # the same, replaced by a program that could not write it
_UNITS = {"px": PX, "pixel": PX, "pixels": PX, "μm": UM, "um": UM, "micron": UM, "microns": UM}
_UNITS |= {f"micromet{end}": UM for end in ("er", "ers", "re", "res")} | {"mm": "mm", "nm": "nm"}
_UNIT = "|".join(sorted(_UNITS, key=len, reverse=True))
_STATED = re.compile(rf"\s*[\[(]\s*({_UNIT})\s*[\])]$|[\s_.-]+({_UNIT})$|(μm)$")


def find_columns(
    columns: Mapping[str, str], header: Sequence[str], unit: str | None, origin: str
) -> tuple[dict[str, str], str]:
    """The column of each key, as the table's header spells it, and the unit of x and y.

    MitofmError if the table lacks a column, or says no unit that is read.

    Args:
        columns: the word of each key. A usual word (`COLUMNS`) that is not in the table stands for the other words that
            people and QuPath use for the same, without regard to case and blanks.
        unit: of x and y; None: what the header says (`Centroid X µm`), else px.
    """
    found = {key: _find_column(key, word, header, unit) for key, word in columns.items()}
    needed = {key: word for key, word in columns.items() if key not in DISPENSABLE or word != COLUMNS[key]}
    missing = {key: word for key, word in needed.items() if found[key] is None}
    if missing:
        said = " ".join(f"data.source.columns.{key}=WORD" for key in missing)
        none = "; label=null: they have no labels" if "label" in missing else ""
        raise MitofmError(
            f"{origin} lacks the column(s) {', '.join(missing.values())}; it has: {', '.join(header)}. Say which column "
            f"is meant: {said}{none}"
        )
    words = {key: word for key, word in found.items() if word is not None}
    return words, unit or _find_unit(words, origin)


def _find_column(key: str, word: str, header: Sequence[str], unit: str | None) -> str | None:
    if word in header:
        return word
    same = [one for one in header if _spell(one) == _spell(word)]  # the two micro signs look alike
    if same or word != COLUMNS.get(key):
        return same[0] if same else None
    for alias in _ALIASES[key]:
        alike = [one for one in header if _plain(one) == alias]
        if alike:
            return min(alike, key=lambda one: _read_unit(one) not in (unit, None if unit else PX))
    return None


def _find_unit(words: Mapping[str, str], origin: str) -> str:
    said = {axis: _read_unit(words[axis]) or PX for axis in "xy"}
    if said["x"] != said["y"]:
        raise MitofmError(
            f"{origin}: {words['x']!r} is in {said['x']} and {words['y']!r} in {said['y']}. Name columns of one unit "
            "under data.source.columns, or say data.source.unit"
        )
    if said["x"] not in (PX, UM):
        raise MitofmError(f"{origin}: {words['x']!r} is in {said['x']}; positions are read in px or micrometres (um)")
    return said["x"]


def _spell(word: str) -> str:
    """`word` with its micro sign as one character, however it was encoded."""
    for wrong, right in _MISREAD.items():
        word = word.replace(wrong, right)
    return unicodedata.normalize("NFKC", _LOST.sub("µ", word))


def _plain(word: str) -> str:
    """`word` without unit, case, blanks, hyphens and the like."""
    return re.sub(r"[\s_.\-]+", "", _STATED.sub("", _spell(word).casefold()))


def _read_unit(word: str) -> str | None:
    """The unit that a header word states."""
    found = _STATED.search(_spell(word).casefold())
    return _UNITS[next(filter(None, found.groups()))] if found else None
