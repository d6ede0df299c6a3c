"""What people should know of a data set, and whether its table is what its authors say it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Card:
    """What people should know of a data set."""

    name: str
    title: str
    positive: str
    """The word for label 1."""
    negative: str
    """The word for label 0."""
    mpp: float | None
    """Micrometre per px of the patches; None keeps the images' own."""
    image_mpp: float | None
    """Micrometre per px of the images, where neither they nor the table say; None: not known."""
    crop_px: int
    """Side of what a model sees, px."""
    margin_px: int
    """Room for jitter on each side, px."""
    licence: str
    citation: str
    url: str
    counts: Mapping[str, Mapping[str, int]] | None
    """`images`, `positive` and `negative` of each domain, as the authors publish them; None: no such table is known."""
    download_gb: float | None
    """What its files take, GB; None: not known, or nothing to fetch."""


def differences(card: Card, table: pd.DataFrame) -> list[str]:
    """How the counts of an annotation table differ from those the card gives, in words; empty where they do not.

    Args:
        card: of the data set.
        table: its annotation table. Images without any cell are not in it, and not counted.
    """
    if card.counts is None:
        return []
    found = _counts(table)
    said = [
        f"domain {domain!r}: {found[domain][what]} {word}, the card says {card.counts[domain][what]}"
        for domain in card.counts
        for what, word in (("images", "images"), ("positive", card.positive), ("negative", card.negative))
        if domain in found and found[domain][what] != card.counts[domain][what]
    ]
    said += [f"domain {domain!r} of the card is not there" for domain in card.counts if domain not in found]
    return said + [f"domain {domain!r} is not in the card" for domain in found if domain not in card.counts]


def _counts(table: pd.DataFrame) -> dict[str, dict[str, int]]:
    return {
        str(domain): {
            "images": int(cells["image"].nunique()),
            "positive": int((cells["label"] == 1).sum()),
            "negative": int((cells["label"] == 0).sum()),
        }
        for domain, cells in table.groupby("domain")
    }
