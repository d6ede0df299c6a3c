"""No slide and no image on two sides: the check of every split, and what is done with units that a split file divides."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mitofm.data.splits.part import TEST, TRAIN, UNUSED, VALIDATION
from mitofm.ground.errors import MitofmError


def check_no_leak(table: pd.DataFrame, part: np.ndarray) -> None:
    """Raise MitofmError, with the first slide or image that is on two sides; samples of no side ("unused") do not count.

    Args:
        table: annotation table of N samples (slide, image).
        part: (N,) part of each sample.
    """
    used = part != UNUSED
    for unit in ("slide", "image"):
        places = pd.DataFrame({unit: table[unit].to_numpy()[used], "part": part[used]}).drop_duplicates()
        shared = places[places[unit].duplicated(keep=False)]
        if len(shared):
            first = shared[unit].min()
            on = " and ".join(sorted(shared.loc[shared[unit] == first, "part"]))
            raise MitofmError(
                f"leak: {unit} {first!r} is on two sides, {on} ({shared[unit].nunique()} such {unit}s). All samples of "
                f"one {unit} belong on one side: mend the split file, or give them one slide in the annotation table"
            )


def keep_apart(table: pd.DataFrame, part: np.ndarray) -> tuple[np.ndarray, int]:
    """Leave out of training what shares a unit with held-out samples, if the author of the split could not know.

    A split file names slides. Curation may have joined slides of two sides, since they are of one patient or show the very same
    samples: then those that test stay, and those that would train or validate are unused. A slide that the file itself puts on
    two sides stays there, and `check_no_leak` refuses it.

    Args:
        table: N samples: `slide`, the unit, and `own_slide`, as the annotations call it.
        part: (N,) part of each.

    Returns:
        The parts, and how many samples were left out.
    """
    torn = pd.Series(part[part != UNUSED]).groupby(table["own_slide"].to_numpy()[part != UNUSED]).nunique() > 1
    whole = ~table["own_slide"].isin(torn.index[torn]).to_numpy()
    kept = part.copy()
    for held_out, others in ((TEST, (TRAIN, VALIDATION)), (VALIDATION, (TRAIN,))):
        units = table["slide"][kept == held_out].unique()
        kept[whole & np.isin(kept, others) & table["slide"].isin(units).to_numpy()] = UNUSED
    return kept, int((kept != part).sum())
