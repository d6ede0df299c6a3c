"""How many figures of one kind a report draws: of a large study there would be hundreds, and nobody reads those."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from mitofm.reporting.estimates import Result

MOST, FEW = 48, 12
"""Up to `MOST` of a kind are all drawn; of more the `FEW` of highest AUROC."""
Key = TypeVar("Key")
Of = TypeVar("Of", bound=Result)


def choose_panels(
    panels: Mapping[Key, Sequence[Of]], most: Callable[[Of], float] = lambda one: one.auroc.value or 0.0
) -> tuple[list[Key], str]:
    """The keys of the panels to draw, sorted, and a sentence on those that are left out; "" if none are."""
    if len(panels) <= MOST:
        return sorted(panels), ""  # type: ignore[type-var]
    ranked = sorted(sorted(panels), key=lambda key: -max(map(most, panels[key])))  # type: ignore[type-var]
    said = (
        f"Drawn are {FEW} of {len(panels)} figures, those of highest AUROC: more than {MOST} of a kind nobody reads. The tables "
        "have all numbers; a report of fewer cells draws all of its figures."
    )
    return sorted(ranked[:FEW]), said  # type: ignore[type-var]
