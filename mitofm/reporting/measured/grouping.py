"""Results in groups: by what they share, and at the largest amount of labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeVar

from mitofm.reporting.measured.configurations import Configuration


class Configured(Protocol):
    """What was measured of a configuration."""

    @property
    def configuration(self) -> Configuration:
        """Which one."""


One = TypeVar("One")
Of = TypeVar("Of", bound=Configured)


def group_by(items: Iterable[One], key: Callable[[One], Any]) -> dict[Any, list[One]]:
    """The items by their key, in the order in which keys and items come."""
    found: dict[Any, list[One]] = {}
    for item in items:
        found.setdefault(key(item), []).append(item)
    return found


def keep_largest(items: Sequence[Of]) -> list[Of]:
    """Those of the largest fraction among them."""
    largest = max((item.configuration.fraction for item in items), default=0.0)
    return [item for item in items if item.configuration.fraction == largest]
