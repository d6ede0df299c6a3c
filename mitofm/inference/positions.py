"""The positions and resolutions of scored samples in their slides."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from mitofm.data import cutting
from mitofm.data.survey import survey
from mitofm.ground.errors import MitofmError


def find_known(table: pd.DataFrame) -> pd.Series:
    """Whether the position in a slide is known of each sample of an annotation table, bool (N,).

    If that of a pre-cut crop is unknown, `image` is the crop itself, and x and y have no meaning.
    """
    return table["image"] != table["crop"] if "crop" in table else pd.Series(True, index=table.index)


def describe(table: pd.DataFrame) -> str:
    """The meaning of x and y of a table of pre-cut crops, in words; "" for other tables: pixels of the image."""
    if "crop" not in table:
        return ""
    unknown = int((~find_known(table)).sum())
    if not unknown:
        return "x and y are positions in the slides that these crops were cut from"
    which = "these" if unknown == len(table) else f"{unknown} of these"
    return f"of {which} crops no position in a slide is known: there image is the crop, and x and y say nothing"


def refuse_crops(table: pd.DataFrame) -> None:
    """Raise a MitofmError if of a sample no position in a slide is known."""
    unknown = table[~find_known(table)]
    if len(unknown):
        raise MitofmError(
            f"data set {unknown['dataset'].iloc[0]!r}: {len(unknown)} of {len(table)} samples are crops of which no position "
            f"in a slide is known, the first is {unknown['crop'].iloc[0]}: there is no slide to show them in. Write the "
            "scores with output=NAME.csv or NAME.parquet, or give the source the crops' slides and positions"
        )


def find_resolutions(root: Path, table: pd.DataFrame, image_mpp: float | None) -> pd.Series:
    """Micrometre per px of the image of each sample, float64 (N,), NaN if unknown.

    It is that of the annotations, else of the image, else `image_mpp`, the card's. Images, relative to `root`, are opened
    only if the annotations lack it.
    """
    if "mpp" in table and table["mpp"].notna().all():
        return table["mpp"]
    return cutting.file_column(table).map(survey(root, table, image_mpp)["mpp"])
