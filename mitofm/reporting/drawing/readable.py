"""How many figures of one kind a report draws: of a large study there would be hundreds, and nobody reads those."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

MOST, FEW = 24, 6
"""Up to `MOST` of a kind are all drawn; of more the `FEW` of highest AUROC."""
MARKS = 40
"""A figure of more rows is for looking at as a whole, and counts as two."""
Key = TypeVar("Key")
Of = TypeVar("Of")


def choose_panels(
    panels: Mapping[Key, Sequence[Of]], auroc: Callable[[Of], float | None], each: int = 1
) -> tuple[list[Key], str]:
    """The keys of the panels to draw, sorted, and a sentence on those that are left out; "" if none are.

    Args:
        panels: what each of them would show.
        auroc: of one of those.
        each: how many figures a panel counts as.
    """
    if len(panels) * each <= MOST:
        return sorted(panels), ""  # type: ignore[type-var]
    ranked = sorted(sorted(panels), key=lambda key: -max(auroc(one) or 0.0 for one in panels[key]))  # type: ignore[type-var]
    few = FEW // each
    said = (
        f"Drawn are {few} of {len(panels)} panels, those of highest AUROC: all would be too many to read. The tables have all "
        "numbers; a report of fewer cells (where=...) draws all of its figures."
    )
    return sorted(ranked[:few]), said  # type: ignore[type-var]
