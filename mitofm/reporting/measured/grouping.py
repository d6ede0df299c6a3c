"""Results in groups: by what they share, by adaptation, and at the largest amount of labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

from mitofm.reporting.drawing.style import Look, assign_looks
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


def group_adaptations(items: Iterable[Of], order: Sequence[str]) -> Iterator[tuple[str, Look, list[Of]]]:
    """Each adaptation that there is, in its order, with its look and its items by fraction; random twins apart.

    Names say which are random if some are and some are not.
    """
    items, look = list(items), assign_looks(order)
    both = len({item.configuration.is_twin for item in items}) > 1
    series = group_by(items, lambda item: (item.configuration.adaptation, item.configuration.is_twin))
    for name in order:
        for twin in (False, True):
            if (name, twin) in series:
                members = sorted(series[name, twin], key=lambda item: item.configuration.fraction)
                yield name_series(name, twin and both), look[name].twin if twin else look[name], members


def name_series(name: str, twin: bool) -> str:
    """A series in a legend."""
    return f"{name}, random weights" if twin else name
