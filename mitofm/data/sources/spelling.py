"""Words of configs, files and disks in one spelling, so that they can be compared."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

import pandas as pd

from mitofm.ground.errors import MitofmError

FIELDS = ("domain", "species", "scanner")


def respell(samples: pd.DataFrame, spelling: Mapping[str, str]) -> pd.DataFrame:
    """`samples` with domain, species and scanner, if it has them, in the config's spelling.

    It maps a word of the file to how it is spelled: {Hamammatsu XR: Hamamatsu XR, Canine: canine}. Others stay.
    """
    known = {str(word): one for word, one in spelling.items()}
    fields = [field for field in FIELDS if field in samples]
    return samples.assign(
        **{field: samples[field].map(lambda word: known.get(str(word).strip(), word)) for field in fields}
    )


def list_words(words: Any) -> list[Any]:
    """Words of a config as a list: a single word may stand for itself, and null for none."""
    if words is None or isinstance(words, (str, int, float)):
        return [] if words is None else [words]
    return list(words)


def list_names(file: str) -> tuple[str, str, str, str]:
    """What an image may be called: its path or its name, with ending or without."""
    path = PurePosixPath(file)
    return file, path.with_suffix("").as_posix(), path.name, path.stem


def fold_case(name: str) -> str:
    """`name` without regard to case and to how its accents are encoded (macOS writes them as letters of their own)."""
    return unicodedata.normalize("NFC", name).casefold()


def strip_marks(name: str) -> str:
    """`name` without case, blanks and punctuation."""
    return re.sub(r"[\W_]", "", fold_case(name))


def to_slashes(path: str) -> str:
    """The `path`, of whatever system, with slashes."""
    return path.replace("\\", "/")


def require_group(pattern: str, key: str) -> None:
    """Raise MitofmError unless `pattern`, of the config's `key`, is a regular expression with one group, the slide."""
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise MitofmError(f"{key}={pattern!r} is no regular expression: {error}") from error
    if groups != 1:
        raise MitofmError(f"{key}={pattern!r}: one group (...) is needed, the name of the slide; it has {groups}")
