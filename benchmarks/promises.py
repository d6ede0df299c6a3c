"""What intervals and verdicts promise, as bounds on shares of repetitions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from repetitions import MODELS, WINNER

FEW = 12
"""Fewer slides have a weaker promise."""
LEAST_INTERVALS = 20
"""A share of fewer says nothing."""
DOUBT, FAR = 3, 4
"""Simulation errors beyond which a promise is listed as broken, and beyond which it is broken by far."""


@dataclass(frozen=True)
class Promise:
    """A bound on a share of repetitions.

    Attributes:
        name: what it says of the share.
        share: its column.
        bound: the share.
        most: the share is at most this, else at least.
        concerns: the rows that it is about; those without the share are left out.
    """

    name: str
    share: str
    bound: float
    most: bool
    concerns: Callable[[pd.DataFrame], pd.Series]

    def measure_excess(self, table: pd.DataFrame) -> pd.Series:
        """By how many simulation errors each row breaks it: negative if it keeps it, NaN if it says nothing."""
        error = np.sqrt(self.bound * (1 - self.bound) / table["intervals"].clip(lower=1))
        beyond = (table[self.share] - self.bound) / error * (1 if self.most else -1)
        return beyond.where(self.concerns(table) & (table["intervals"] >= LEAST_INTERVALS))


def concerns_all(table: pd.DataFrame) -> pd.Series:
    return table["slides"] > 0


def concerns_many(table: pd.DataFrame) -> pd.Series:
    return table["slides"] >= FEW


def concerns_few(table: pd.DataFrame) -> pd.Series:
    return table["slides"] < FEW


def concerns_single(table: pd.DataFrame) -> pd.Series:
    """An interval of 1 - 5 % / K is meant to cover more."""
    return concerns_many(table) & (table["quantity"] != WINNER)


PROMISES = (
    Promise("covers at least 92 %", "coverage", 0.92, False, concerns_many),
    Promise("covers at least 90 %", "coverage", 0.90, False, concerns_few),
    Promise("covers at most 98.5 %", "coverage", 0.985, True, concerns_single),
    Promise("tells equal methods apart in at most 6.5 %", "level", 0.065, True, concerns_all),
    Promise("calls methods a margin apart equivalent in at most 5 %", "equivalent", 0.05, True, concerns_all),
    Promise(f"calls one of {MODELS} equal models higher in at most 6 %", "false_higher", 0.06, True, concerns_all),
)


def find_far(table: pd.DataFrame, errors: float = FAR) -> list[str]:
    """The promises that some row breaks by more than so many simulation errors."""
    return [promise.name for promise in PROMISES if (promise.measure_excess(table) > errors).any()]
