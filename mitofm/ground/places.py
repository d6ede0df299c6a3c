"""Takes the folders out of texts that leave this machine: where files lie tells names of people, patients and projects."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_QUOTED = re.compile(r"""(['"])/[^'"\n]*/([^/'"\n]*)\1""")  # may hold blanks
_BARE = re.compile(r"""(?<![\w.~:/\\<])/(?:[^\s'"<>|:;,()\[\]{}/]+/)+""")


def remove_folders(text: str) -> str:
    """`text`, every absolute path in it without its folders; addresses of the web stay. Doing it again changes nothing."""
    return _BARE.sub("", _QUOTED.sub(r"\1\2\1", text))


def remove_places(config: Mapping[str, Any]) -> dict[str, Any]:
    """A resolved config without its group `paths`, and without folders in its other texts."""
    return {key: _clean(value) for key, value in config.items() if key != "paths"}


def _clean(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _clean(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_clean(one) for one in value]
    return remove_folders(value) if isinstance(value, str) else value
