"""Slides to parts: per seed, and per domain, test slides first, then validation slides, the rest trains."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mitofm.data.splits.hold_out import MIN_SAMPLES, draw_parts, draw_slides
from mitofm.data.splits.part import TEST, TRAIN, VALIDATION
from mitofm.ground.errors import Infeasible, MitofmError, unknown
from mitofm.ground.seeds import stream

BY = ("domain", "scanner", "species")


@dataclass(frozen=True, eq=False)
class Assignment:
    """The parts of a table's N samples when every domain is divided on its own."""

    by: str  # the column whose values are the domains
    value: np.ndarray  # (N,) objects, the domain of each sample
    part: np.ndarray  # (N,) objects: train, validation or test; every sample of a domain that cannot train is test
    test_chance: np.ndarray  # (N,), over seeds; 1 in a domain that cannot train
    test_only: tuple[str, ...]  # the domains that cannot train, sorted
    counts: pd.DataFrame  # indexed by domain: slides, positive, negative

    def require_known(self, value: str) -> None:
        """Refuse a domain that the table does not have, with those it has (MitofmError)."""
        if not isinstance(value, str):
            number = isinstance(value, int | float) and not isinstance(value, bool)
            told = f"is read as a number: write split.domain=\"'{value}'\"" if number else f"is no {self.by}"
            raise MitofmError(f"split.domain={value} {told}. There is: {', '.join(map(str, self.counts.index))}")
        if value not in self.counts.index:
            raise unknown(self.by, value, self.counts.index, "this data set")

    def require_others(self, value: str) -> None:
        """Refuse a domain that is unknown (MitofmError) or the only one there is (Infeasible)."""
        self.require_known(value)
        if len(self.counts) == 1:
            raise Infeasible(
                f"split.domain={value} is the only {self.by} of this data set: without it nothing is left to train on"
            )

    def require_trainable(self, value: str) -> None:
        """Refuse a domain that is unknown (MitofmError) or too small to train on (Infeasible), with its counts."""
        self.require_known(value)
        if value in self.test_only:
            slides, positive, negative = self.counts.loc[value, ["slides", "positive", "negative"]]
            raise Infeasible(
                f"{self.by} {value!r} can only be a test {self.by}: its {slides} slides hold {positive} positive and "
                f"{negative} negative samples, and no draw leaves {MIN_SAMPLES} of each class in training, validation and "
                f"test"
            )


def assign(table: pd.DataFrame, by: str, seed: int, test_share: float, validation_share: float) -> Assignment:
    """Divide the slides of each value of `by`; the draw of one value depends on (seed, value, its slides) alone.

    Args:
        table: annotation table.
        by: one of `BY`.
        seed: the seed of the cell.
        test_share: of a domain's slides, as near as they allow (`mitofm.data.splits.hold_out`).
        validation_share: of the slides left after the test slides, at least one.

    Raises:
        MitofmError: `by` is no such column, a slide lies in two domains, or a share is not between 0 and 1.
    """
    values = _read_values(table, by)
    slides = _count_slides(table.assign(**{by: values}), by)
    slides["part"] = pd.Series(TEST, index=slides.index, dtype=object)
    slides["test_chance"] = 1.0
    test_only = []
    for value, members in slides.groupby("value", sort=True):
        counted, rng = members[["negative", "positive"]].to_numpy(), stream(seed, "slides", str(value))
        drawn = draw_parts(counted, test_share, validation_share, rng)
        if drawn is None:
            test_only.append(str(value))
        else:
            slides.loc[members.index, "part"] = drawn.part
            slides.loc[members.index, "test_chance"] = drawn.test_chance
    of_samples = slides.iloc[slides.index.get_indexer(table["slide"])]
    counted = slides.groupby("value")
    counts = counted[["positive", "negative"]].sum().assign(slides=counted.size())
    part, chance = of_samples["part"].to_numpy(), of_samples["test_chance"].to_numpy()
    return Assignment(by, values, part, chance, tuple(test_only), counts)


def draw_validation(table: pd.DataFrame, validation_share: float | None, seed: int) -> np.ndarray:
    """Train or validation for each sample (N,) of `table`, all of whose slides are drawn together; all train if no share.

    Infeasible if no draw leaves a slide and five samples of each class on both sides.
    """
    if validation_share is None:
        return np.full(len(table), TRAIN, dtype=object)
    slides = _count_samples(table)
    drawn = draw_slides(slides.to_numpy(), validation_share, VALIDATION, stream(seed, "validation slides"))
    if drawn is None:
        negative, positive = slides.sum()
        raise Infeasible(
            f"{len(slides)} slides with {positive} positive and {negative} negative samples are left for training and "
            f"validation, and no draw leaves {MIN_SAMPLES} of each class in both"
        )
    return np.where(drawn, VALIDATION, TRAIN).astype(object)[slides.index.get_indexer(table["slide"])]


def _read_values(table: pd.DataFrame, by: str) -> np.ndarray:
    if by not in BY:
        raise unknown("split.by", by, BY)
    if by not in table:
        known = ", ".join(column for column in BY if column in table)
        raise MitofmError(f"split.by={by}: the annotation table has no column {by!r}. It has: {known}")
    return table[by].to_numpy(dtype=object)


def _count_slides(table: pd.DataFrame, by: str) -> pd.DataFrame:
    """Indexed by slide: negative, positive, value."""
    owners = table[["slide", by]].drop_duplicates().sort_values(["slide", by])
    shared = owners[owners["slide"].duplicated(keep=False)]
    if len(shared):
        slide = shared["slide"].iloc[0]
        lies_in = ", ".join(repr(value) for value in shared.loc[shared["slide"] == slide, by])
        if "own_slide" in table and not table.groupby("own_slide")[by].nunique().gt(1).any():
            raise Infeasible(
                f"slides of one patient, or that show the same samples, lie in more than one {by}: those of {slide!r} in "
                f"{lies_in} ({shared['slide'].nunique()} such), so they cannot be divided {by} by {by}"
            )
        raise MitofmError(
            f"slide {slide!r} lies in more than one {by}: {lies_in} ({shared['slide'].nunique()} such slides). "
            f"Mend the annotation table, or choose another split.by"
        )
    return _count_samples(table).assign(value=owners.set_index("slide")[by])


def _count_samples(table: pd.DataFrame) -> pd.DataFrame:
    """Indexed by slide, sorted: the number of negative and of positive samples."""
    counts = table.groupby("slide", sort=True)["label"].agg(["size", "sum"])
    return pd.DataFrame({"negative": counts["size"] - counts["sum"], "positive": counts["sum"]})
