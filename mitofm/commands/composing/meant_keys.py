"""Which key was meant by one that a config has not: of the same name in another group or under another choice, or spelt nearly so."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from mitofm.ground.errors import MitofmError, unknown

_NEAR = 0.75  # how alike two names of different groups are


def explain_unknown(
    key: str, siblings: Iterable[str], config: Mapping, groups: Mapping[str, Iterable[Path]]
) -> MitofmError:
    """The error for a key that `config` has not.

    Args:
        key: the whole key, with its dots.
        siblings: the keys that there are in its place.
        config: all keys, as a plain dict.
        groups: the YAMLs of each group, whose names are the group's choices.
    """
    last, siblings = key.rpartition(".")[2], list(siblings)
    beside = [one.rpartition(".")[2] for one in siblings]
    where = list(_walk(config))
    others = dict(_find_choices(last, groups))
    if key in others:
        return MitofmError(f"unknown key {key!r} in this config: it is one of {others[key]}")
    meant = [f"{one!r}" for one in where if one.rpartition(".")[2] == last]
    meant = meant or [f"{one!r} (of {choices})" for one, choices in others.items()]
    if not meant and not difflib.get_close_matches(last, beside, n=1):
        names = {one.rpartition(".")[2]: one for one in reversed(where)}
        meant = [f"{names[one]!r}" for one in difflib.get_close_matches(last, names, n=1, cutoff=_NEAR)]
    if meant:
        return MitofmError(f"unknown key {key!r} in this config. Did you mean {' or '.join(meant[:3])}?")
    return unknown("key", key, siblings, "this config")


def _walk(config: Mapping, above: str = "") -> Iterator[str]:
    """All keys, with their dots."""
    for name, value in config.items():
        yield f"{above}{name}"
        if isinstance(value, Mapping):
            yield from _walk(value, f"{above}{name}.")


def _find_choices(name: str, groups: Mapping[str, Iterable[Path]]) -> Iterator[tuple[str, str]]:
    """The whole key in each group of which other choices have it, and these choices."""
    for group, files in groups.items():
        choices = [
            one.stem for one in files if re.search(rf"^{re.escape(name)}:", one.read_text(errors="replace"), re.M)
        ]
        if choices:
            more = ", ..." if len(choices) > 6 else ""
            yield f"{group}.{name}", f"{group}={', '.join(choices[:6])}{more}"
