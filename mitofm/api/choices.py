"""Choices given in Python as the overrides that a user would type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mitofm.ground.errors import MitofmError


def spell(overrides: Sequence[str], choices: Mapping[str, Any]) -> list[str]:
    """Overrides as typed, then `key=value` of each choice; a double underscore in a key stands for a dot.

    Raises:
        MitofmError: an override is no text with `=`, or a value is none that Hydra can read.
    """
    for one in overrides:
        if not (isinstance(one, str) and "=" in one):
            raise MitofmError(f"{one!r} is no override: give text like 'fit.max_epochs=3'")
    return [*overrides, *(f"{key.replace('__', '.')}={_spell(key, value)}" for key, value in choices.items())]


def _spell(key: str, value: Any) -> str:
    """A value as Hydra reads it; text is quoted, so that it stays text."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str | Path):
        return "'" + str(value).replace("\\'", "\\\\'").replace("'", "\\'") + "'"
    if isinstance(value, list | tuple):
        return f"[{','.join(_spell(key, one) for one in value)}]"
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{name}:{_spell(key, one)}' for name, one in value.items())}}}"
    raise MitofmError(f"{key}={value!r}: give text, a number, True, False, None, a list or a dict of these")
