"""Points as a file of annotations gives them, on their way to the annotation table; micrometres become pixels here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

PX, UM = "px", "um"
UNITS = (PX, UM)
_NOISE_PX = 1e-6  # of floating-point numbers: 811.873 / 0.499 is not quite 1627

Labels = Callable[[pd.Series, str], pd.Series]
"""From the class of each entry (text, "" if it has none) and the file's name to the labels of those that are samples."""


@dataclass(frozen=True)
class Points:
    """The samples of one file.

    Attributes:
        entries: one row per sample; the index says what the file calls its entry ("row" 5). x and y (float64, in `unit`),
            label (int64), and if the file says so image, slide, domain, species, scanner, patient, sample_id (text), mpp
            (float64), votes_positive and votes; `at`, the position as it is written, to make a name from.
        unit: of x and y: "px" of level 0, or "um", micrometres from the upper left corner.
        decimals: with which x and y are written.
    """

    entries: pd.DataFrame
    unit: str
    decimals: int

    def to_pixels(self, mpp: pd.Series) -> pd.DataFrame:
        """The entries with x and y in px of level 0.

        A position with d decimals is known to half a unit of the last one. If a whole or half pixel, as people and programs
        set them, lies within that, it is taken: 811.87 micrometres at 0.499 are 1627 px and not 1626.994, whose crop would
        begin a pixel further left.

        `mpp` are the micrometres per px of each entry's image.
        """
        entries = self.entries.copy()
        if self.unit == UM:
            known_to = 0.5 * 10.0**-self.decimals / mpp + _NOISE_PX
            for axis in ("x", "y"):
                exact = entries[axis] / mpp
                half = np.round(2 * exact) / 2
                entries[axis] = half.where((exact - half).abs() <= known_to, exact)
        return entries


def write_positions(numbers: pd.Series) -> pd.Series:
    """Positions (px) in words, to the hundredth: `1627`, `1627.5`."""
    return numbers.map(lambda number: np.format_float_positional(round(number, 2), trim="-"))
