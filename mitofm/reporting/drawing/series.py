"""The series of a figure: adaptations, each with its look, random twins apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from mitofm.reporting.drawing.style import Look, assign_looks
from mitofm.reporting.measured.grouping import Configured, group_by

Of = TypeVar("Of", bound=Configured)


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
