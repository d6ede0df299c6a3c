"""What is suspicious about a data set before anything is trained on it: notices to look at, or to stop at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mitofm.data import cutting
from mitofm.data.annotations import VOTES
from mitofm.data.card import Card, compare_counts
from mitofm.data.curation import CLIPPED, OPPOSITE, OUTSIDE, PADDED, SHARED, TWIN, describe_place
from mitofm.data.votes import find_contradicted


@dataclass(frozen=True)
class Notice:
    """What one check has found."""

    what: str  # the check that failed
    count: int  # how often
    first: str  # an example, with its place
    fatal: bool = False  # whether no patch store can be built until it is mended
    note: bool = False  # whether it is no problem, but a rule of the card that was applied as stated


_TORN = (
    ("slides in two domains", "slide", "domain"),
    ("slides of two patients, whose slides are one unit then", "slide", "patient"),
    ("images in two slides", "image", "slide"),
)
_ENOUGH, _CORNER = 20, 0.6  # samples, and share of a side: with fewer, or reaching further, chance explains it
_REMARKED = {  # what curation remarks: in which words, and whether it is a note
    CLIPPED: ("samples outside their image, moved to its border", True),
    OUTSIDE: ("samples outside their image, left out", False),
    PADDED: ("crops padded at their border, left out (data.padded=keep keeps them)", True),
    TWIN: ("samples that show the same as another: one unit for splits", True),
    SHARED: ("samples that two data sets hold: never on two sides", True),
    OPPOSITE: ("samples that show the same as one of the other label, left out", False),
}


def summarize_remarks(remarks: pd.DataFrame) -> list[Notice]:
    """The notices of curation, from its remarks (`mitofm.data.curation.Curated`)."""
    counts = remarks["what"].value_counts()
    return [
        Notice(words, int(counts[what]), str(remarks.loc[remarks["what"] == what, "place"].iloc[0]), note=note)
        for what, (words, note) in _REMARKED.items()
        if what in counts
    ]


def list_unreadable(seen: pd.DataFrame) -> list[str]:
    """What is wrong with each image that cannot be read, with its file."""
    return [problem for problem in seen["problem"] if problem]


def check(card: Card, root: Path, table: pd.DataFrame, seen: pd.DataFrame, distance_um: float) -> list[Notice]:
    """All notices on a data set before curation, of whose images `survey.survey` has `seen` what it says.

    `distance_um` is the least distance that two samples of opposite label should have, micrometres.
    """
    return [
        *_check_images(card, root, seen),
        *_check_samples(table, seen, distance_um),
        *_check_scale(table, seen),
        *_check_groups(table),
        *(Notice("not as on the card", 1, difference) for difference in compare_counts(card, table)),
    ]


def _check_images(card: Card, root: Path, seen: pd.DataFrame) -> Iterator[Notice]:
    problems = list_unreadable(seen)
    if problems:
        yield Notice("images that cannot be read", len(problems), problems[0], fatal=True)
    noted = seen.index[seen["notes"] != ""]
    if len(noted):
        first = f"{root / noted[0]}: {seen.loc[noted[0], 'notes']}"
        yield Notice("images of which something was chosen", len(noted), first, note=True)
    unknown = seen.index[seen["mpp"].isna() & (seen["problem"] == "")]
    if card.mpp is not None and len(unknown):
        first = f"{root / unknown[0]}; state it with data.image_mpp"
        yield Notice("images of unknown resolution", len(unknown), first, fatal=True)


def _check_samples(table: pd.DataFrame, seen: pd.DataFrame, distance_um: float) -> Iterator[Notice]:
    twice = table[table.duplicated(["image", "x", "y"])]
    if len(twice):
        yield Notice("the same sample twice", len(twice), describe_place(twice.iloc[0]))
    against = table[find_contradicted(table)] if set(VOTES) <= set(table) else table[:0]
    if len(against):
        yield Notice("labels that are not what most experts voted", len(against), describe_place(against.iloc[0]))
    mpp = seen["mpp"].reindex(cutting.file_column(table)).fillna(0.25).to_numpy()  # a guess is enough for a warning
    pairs = _find_opposite(table, distance_um / mpp)
    if pairs:
        one, other = (table.iloc[row] for row in pairs[0])
        first = f"{describe_place(one)} (label {one['label']}) and {other['sample_id']} (label {other['label']})"
        yield Notice(f"samples of opposite label within {distance_um:g} micrometres", len(pairs), first)


def _check_scale(table: pd.DataFrame, seen: pd.DataFrame) -> Iterator[Notice]:
    """Positions that are not px of level 0 fill a corner of every image: micrometres at 0.25 per px, a quarter of each side."""
    if "crop" in table or len(table) < _ENOUGH:
        return
    sides = seen.loc[table["image"], ["width", "height"]].to_numpy()
    reach = (table[["x", "y"]].to_numpy() / np.where(sides > 0, sides, np.nan)).max(axis=0)
    if (reach < _CORNER).all():
        first = (
            f"up to {reach[0]:.0%} of the width and {reach[1]:.0%} of the height; micrometres are data.source.unit=um"
        )
        yield Notice("samples in the upper left corner of every image alone", len(table), first)


def _find_opposite(table: pd.DataFrame, distance_px: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of rows with unlike labels that lie in one image less than `distance_px` (n,) apart."""
    from scipy.spatial import cKDTree

    found: list[tuple[int, int]] = []
    centres, labels = table[["x", "y"]].to_numpy(), table["label"].to_numpy()
    for rows in table.groupby("image").indices.values():
        near = cKDTree(centres[rows]).query_pairs(distance_px[rows[0]])
        found += [(rows[a], rows[b]) for a, b in near if labels[rows[a]] != labels[rows[b]]]
    return sorted(found)


def _check_groups(table: pd.DataFrame) -> Iterator[Notice]:
    for what, group, of in _TORN:
        several = table.groupby(group)[of].nunique() if of in table else pd.Series(dtype=int)
        torn = several[several > 1]
        if len(torn):
            yield Notice(what, len(torn), str(torn.index[0]))
    alone = table["slide"] == table["sample_id"]
    if "patient" not in table and alone.any():  # as `Split.slide_unit` has it
        first = f"{table['sample_id'][alone].iloc[0]}; say whose crops are one slide's, if that is known"
        yield Notice("samples whose slide is not known: each is a unit of its own", int(alone.sum()), first, note=True)
    classes = table.groupby("domain")["label"].nunique()
    single = classes[classes < 2]
    if len(single):
        yield Notice("domains with samples of one class only", len(single), str(single.index[0]))
