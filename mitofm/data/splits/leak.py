"""The leak check: no slide and no image on two sides."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mitofm.data.splits.part import UNUSED
from mitofm.errors import MitofmError


def check_no_leak(table: pd.DataFrame, part: np.ndarray) -> None:
    """Refuse sides that share a slide or an image. Cells of no side ("unused") do not count.

    Args:
        table: annotation table of N cells (slide, image).
        part: (N,) part of each cell.

    Raises:
        MitofmError: names the first slide or image that is on two sides.
    """
    used = part != UNUSED
    for unit in ("slide", "image"):
        places = pd.DataFrame({unit: table[unit].to_numpy()[used], "part": part[used]}).drop_duplicates()
        shared = places[places[unit].duplicated(keep=False)]
        if len(shared):
            first = shared[unit].min()
            on = " and ".join(sorted(shared.loc[shared[unit] == first, "part"]))
            raise MitofmError(
                f"leak: {unit} {first!r} is on two sides, {on} ({shared[unit].nunique()} such {unit}s). All cells of "
                f"one {unit} belong on one side: mend the split file, or give them one slide in the annotation table"
            )
