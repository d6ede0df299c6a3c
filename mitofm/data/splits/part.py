"""A split, which is the part of every annotated sample, and the contract of the strategies that decide it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mitofm.data import fractions
from mitofm.ground.errors import unknown

if TYPE_CHECKING:
    import pandas as pd

TRAIN, VALIDATION, TEST, UNUSED = "train", "validation", "test", "unused"
PARTS = (TRAIN, VALIDATION, TEST, UNUSED)
IN_DOMAIN, OUT_OF_DOMAIN = "in_domain", "out_of_domain"


@dataclass(frozen=True, eq=False)
class Sides:
    """Where a strategy puts each of the N samples of a table, before a fraction is bought."""

    part: np.ndarray  # (N,) objects, one of `PARTS` per sample
    evaluation_set: np.ndarray  # (N,) objects, the set a test sample is evaluated in; "" for every other sample
    test_only: tuple[str, ...] = ()  # the domains (values of `by`) too small to train on
    test_chance: np.ndarray | None = None  # (N,), the chance of each sample to test, over seeds; None: not known
    confounded_with: Mapping[str, float] = field(default_factory=dict)  # see `Split`


@dataclass(frozen=True, kw_only=True)
class Strategy(ABC):
    """A way to divide the samples of a table; built from `conf/split/NAME.yaml`.

    Attributes:
        name: what the strategy is called in configs and reports.
        fraction_unit: what `fraction` counts, "annotation" (a share of the samples) or "slide" (a number of slides).
    """

    name: str
    fraction_unit: str = "annotation"

    def __post_init__(self) -> None:
        if self.fraction_unit not in fractions.UNITS:
            raise unknown("split.fraction_unit", self.fraction_unit, fractions.UNITS)

    @property
    def leaks(self) -> bool:
        """Whether a slide may be on two sides, which is allowed only to measure the leak itself."""
        return False

    @abstractmethod
    def describe(self) -> str:
        """What is trained on, in the words of a report ("all", "lung", "all but lung", "fold 2")."""

    @abstractmethod
    def sides(self, table: pd.DataFrame, seed: int) -> Sides:
        """The side of each sample of `table`, whose rows are sorted by sample_id, for `seed`."""

    def files(self) -> list[Path]:
        """The files, besides the table, whose content decides the split: they belong to a cell's identity."""
        return []


@dataclass(frozen=True, eq=False)
class Split:
    """A finished split of a table.

    Attributes:
        frame: one row per sample, in table order: sample_id, slide (the unit of independence), domain, label, species and
            scanner if the table knows them, agreement of the experts (`mitofm.data.votes`) if it has votes, part,
            evaluation_set, order, test_chance. `order` is the rank of a training or validation sample within its side, -1 for
            test and unused samples. `test_chance` is the chance of the sample to test, over seeds and all else equal; NaN if
            it is not known. Weighted with 1 / test_chance, sums over test samples are unbiased for sums over all samples that
            can test (Horvitz and Thompson 1952, JASA 47:663). If votes are trained on, also target: what each sample is
            trained towards, from 0 to 1.
        strategy: the name of the strategy.
        test_only: the domains (values of `by`) too small to train on.
        slide_unit: what a slide is: "slide", "patient", or "image" if no slide is known.
        confounded_with: if a domain is left out, what is missing with it: the other values ("scanner Leica SCN400") of which it
            holds at least half of the samples, and that share, largest first.
    """

    frame: pd.DataFrame
    strategy: str
    test_only: tuple[str, ...] = ()
    slide_unit: str = "slide"
    confounded_with: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def counts(self) -> dict[str, int]:
        """The number of samples in each part."""
        return {part: int((self.frame["part"] == part).sum()) for part in PARTS}

    def rows(self, part: str) -> np.ndarray:
        """Row positions (n,) of `part`: training and validation in their order, test and unused in table order."""
        if part not in PARTS:
            raise unknown("part", part, PARTS, "a split")
        rows = np.flatnonzero(self.frame["part"] == part)
        return rows[np.argsort(self.frame["order"].to_numpy()[rows], kind="stable")]
