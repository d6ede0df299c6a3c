"""Takes the folders out of texts that leave this machine: where files lie tells names of people, patients and projects."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

_QUOTED = re.compile(r"""(['"])/[^'"\n]*/([^/'"\n]*)\1""")  # may hold blanks
_BARE = re.compile(r"""(?<![\w.~:/\\<])/(?:[^\s'"<>|:;,()\[\]{}/]+/)+""")


def remove_folders(text: str) -> str:
    """`text`, every absolute path in it without its folders; addresses of the web stay. Doing it again changes nothing."""
    return _BARE.sub("", _QUOTED.sub(r"\1\2\1", text))


def remove_places(config: Mapping[str, Any]) -> dict[str, Any]:
    """A resolved config without its group `paths`, and without folders in its other texts."""
    return {key: _clean(value) for key, value in config.items() if key != "paths"}


def name_places(config: Mapping[str, Any], places: Mapping[str, str]) -> dict[str, Any]:
    """A config in whose texts the folders of `places` are replaced by their keys; of other paths the last part is left."""
    longest_first = sorted(places.items(), key=lambda one: -len(one[1]))  # a folder before the one it is in

    def name(text: str) -> str:
        for key, place in longest_first:
            text = text.replace(place, key)
        return _shorten(text)

    return {key: _clean(value, name) for key, value in config.items()}


def _shorten(text: str) -> str:
    if text.startswith("/") and "\n" not in text:  # a path alone, which may hold blanks
        return text.rstrip("/").rpartition("/")[2]
    return remove_folders(text)


def _clean(value: Any, shorten: Callable[[str], str] = _shorten) -> Any:
    if isinstance(value, Mapping):
        return {key: _clean(one, shorten) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_clean(one, shorten) for one in value]
    return shorten(value) if isinstance(value, str) else value
