"""Which keys and environment variables the `${...}` of a config read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Place = tuple[Any, ...]
"""A key as its parts: `split.domain` is ("split", "domain")."""

_INNERMOST = re.compile(r"\$\{([^${}]*)\}")
_NODE = re.compile(r"(\.*)([A-Za-z_]\w*(?:\.\w+)*)")
_SELECT = re.compile(r"oc\.select:\s*([A-Za-z_]\w*(?:\.\w+)*)\s*(?:,[^,]*)?")
_ENVIRONMENT = re.compile(r"oc\.env:\s*([A-Za-z_]\w*)\s*(?:,.*)?")


@dataclass(frozen=True)
class Reads:
    """What the interpolations of a config read.

    Attributes:
        keys: the keys; one may be above or below another.
        known: whether that is all of it: not if an interpolation is nested or calls a resolver that is none of OmegaConf's.
    """

    keys: frozenset[Place] = field(default_factory=frozenset)
    known: bool = True

    def touch(self, key: Place) -> bool:
        """Whether another value of `key` may change what an interpolation gives."""
        return not self.known or any(meets(key, one) for one in self.keys)


def meets(first: Place, second: Place) -> bool:
    """Whether two keys are the same, or one is above the other."""
    return all(one == other for one, other in zip(first, second, strict=False))


def find_reads(config: Any) -> Reads:
    """What the interpolations in an unresolved config, as plain data, read."""
    keys, known = set(), True
    for place, text in list_texts(config):
        inner = list_interpolations(text)
        if inner is None:
            known = False
        for one in inner or ():
            if (key := _find_key(one, place)) is not None:
                keys.add(key)
            elif not _ENVIRONMENT.fullmatch(one):
                known = False
    return Reads(frozenset(keys), known)


def list_texts(config: Any, place: Place = ()) -> Iterator[tuple[Place, str]]:
    """Each text in plain data that holds an interpolation, and its key; the number of an item of a list is part of that."""
    if isinstance(config, dict):
        for key, value in config.items():
            yield from list_texts(value, (*place, key))
    elif isinstance(config, list):
        for number, value in enumerate(config):
            yield from list_texts(value, (*place, number))
    elif isinstance(config, str) and "${" in config:
        yield place, config


def list_interpolations(text: str) -> list[str] | None:
    """What is between `${` and `}` in a text, each; None if one is nested in another, or is not closed."""
    rest = _INNERMOST.sub("", text)
    return None if "${" in rest else [one.strip() for one in _INNERMOST.findall(text)]


def _find_key(inner: str, place: Place) -> Place | None:
    """The key that an interpolation at `place` reads; None if it reads none."""
    if selected := _SELECT.fullmatch(inner):
        return tuple(selected[1].split("."))
    if not (named := _NODE.fullmatch(inner)):
        return None
    above = place[: -len(named[1])] if named[1] else ()
    return (*above, *named[2].split("."))
