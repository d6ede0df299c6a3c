"""What people should know of a data set, and whether its table has the counts that its authors publish."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from mitofm.ground.settings import Count, Natural, NotNegative, Positive

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class CutOffs:
    """Of the mitotic count of one kind of tumor, ascending: counts `at` and above are of the next class."""

    at: Sequence[Positive]
    in_mm2: Positive
    """The area that is counted on, mm^2."""
    source: str


@dataclass(frozen=True, kw_only=True)
class Card:
    """What people should know of a data set."""

    name: str
    title: str
    positive: str
    """The word for label 1."""
    negative: str
    """The word for label 0."""
    mpp: Positive | None
    """Micrometre per px of the patches; None keeps the images' own."""
    image_mpp: Positive | None
    """Micrometre per px of the images, if neither they nor the table say; None: not known."""
    crop_px: Count
    """Side of what a model sees, px."""
    margin_px: Natural
    """Room for jitter on each side, px."""
    origin: Sequence[str]
    """The public collections that its images come from, as backbones name what they were pretrained on."""
    licence: str
    citation: str
    url: str
    counts: Mapping[str, Mapping[str, Natural]] | None
    """Of each domain `images`, `positive` and `negative`, as far as its authors publish them; None: they do not."""
    download_gb: NotNegative | None
    """What its files take, GB; None: not known, or nothing to fetch."""
    overlaps: Mapping[str, str] = field(default_factory=dict)
    """Other sets that hold some of its samples or slides, and what they share, in words."""
    outside: Literal["clip", "drop", "error"] = "clip"
    """What happens to a sample whose centre lies outside its image, one of `mitofm.data.outside.RULES`."""
    padded: Literal["drop", "keep"] = "drop"
    """What happens to crops whose border is padded, one of `mitofm.data.curation.PADDING`."""
    patients: str | Mapping[str, str] | None = None
    """Whose a slide is: `mitofm.data.curation.Rules`."""
    exhaustive: bool = False
    """Whether every mitotic figure and look-alike of its images is annotated: what is near none is neither."""
    area_mm2: Positive | None = None
    """Of what is annotated of each slide, mm^2; None: not known, or slides differ."""
    cut_offs: Mapping[str, CutOffs] | None = None
    """By domain, of the mitotic count; None: none are cited."""
    authors_split: Mapping[str, Any] | None = None
    """Where the split that its authors publish is and how it is read (`mitofm.data.splits.authors`); None: there is none."""


def compare_counts(card: Card, table: pd.DataFrame) -> list[str]:
    """How the counts of an annotation table differ from the card's, in words; images without samples are not counted."""
    if card.counts is None:
        return []
    words = {"images": "images", "positive": f"{card.positive}s", "negative": f"{card.negative}s"}
    found = count_samples(table)
    said = [
        f"domain {domain!r}: {found[domain][what]} {words[what]}, the card says {number}"
        for domain, known in card.counts.items()
        for what, number in known.items()
        if domain in found and found[domain][what] != number
    ]
    said += [f"domain {domain!r} of the card is not in the table" for domain in card.counts if domain not in found]
    return said + [
        f"domain {domain!r} of the table is not in the card" for domain in found if domain not in card.counts
    ]


def count_samples(table: pd.DataFrame) -> dict[str, dict[str, int]]:
    """`images`, `positive` and `negative` of each domain in an annotation table."""
    counts = table.groupby("domain").agg(
        images=("image", "nunique"), positive=("label", "sum"), negative=("label", lambda labels: (labels != 1).sum())
    )
    return {str(domain): {what: int(n) for what, n in row.items()} for domain, row in counts.to_dict("index").items()}
