"""Reads the settings of a command, all but `train` and `plan`. Hydra, which takes long to import, is asked once for the same words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from mitofm.commands.composing.recalling import keep_command, recall_command
from mitofm.ground.errors import MitofmError
from mitofm.ground.settings import read

T = TypeVar("T")


def ask(kind: type[T], name: str, overrides: Sequence[str]) -> T:
    """Read the settings of a command, its primary config with overrides as typed, as the dataclass `kind`.

    Raises:
        MitofmError: as `composing.compose`.
    """
    kept = recall_command(overrides, name)
    if kept is not None:
        return read(kind, kept[0])
    from mitofm.commands.composing.compose import compose
    from mitofm.runs.resolve import plain

    config = plain(compose(name, overrides))
    keep_command(overrides, config, {}, name)
    return read(kind, config)


def ask_about(kind: type[T], name: str, arguments: Sequence[str], *subjects: str) -> tuple[list[str], T]:
    """As `ask`, for a command that takes words before its overrides: the words, and the settings.

    Raises:
        MitofmError: there are not as many words as `subjects`, which say what the words are; else as `ask`.
    """
    words = [one for one in arguments if "=" not in one]
    if len(words) != len(subjects):
        raise MitofmError(f"give {' and '.join(subjects)}, then key=value; not {' '.join(words) or 'nothing'}")
    return words, ask(kind, name, [one for one in arguments if "=" in one])
