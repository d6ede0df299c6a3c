"""Where scored samples lie: what leads from a score back to the slide."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from mitofm.data import cutting
from mitofm.data.survey import survey
from mitofm.ground.errors import MitofmError


def find_known(table: pd.DataFrame) -> pd.Series:
    """Whether a position in a slide is known of each sample of an annotation table, bool (N,).

    Of a pre-cut crop that was cut from nobody knows where, `image` is the crop itself, and x and y say nothing.
    """
    return table["image"] != table["crop"] if "crop" in table else pd.Series(True, index=table.index)


def describe(table: pd.DataFrame) -> str:
    """What x and y of an annotation table are, in words, if it is of pre-cut crops; else empty: pixels of the image."""
    if "crop" not in table:
        return ""
    unknown = int((~find_known(table)).sum())
    if not unknown:
        return "x and y are positions in the slides that these crops were cut from"
    which = "these" if unknown == len(table) else f"{unknown} of these"
    return f"of {which} crops no position in a slide is known: there image is the crop, and x and y say nothing"


def refuse_crops(table: pd.DataFrame) -> None:
    """Stop if there is no slide to go back to.

    Raises:
        MitofmError: of a sample no position in a slide is known.
    """
    unknown = table[~find_known(table)]
    if len(unknown):
        raise MitofmError(
            f"data set {unknown['dataset'].iloc[0]!r}: {len(unknown)} of {len(table)} samples are crops of which no position "
            f"in a slide is known, the first is {unknown['crop'].iloc[0]}: there is no slide to show them in. Write the "
            "scores with output=NAME.csv or NAME.parquet, or give the source the crops' slides and positions"
        )


def find_resolutions(root: Path, table: pd.DataFrame, image_mpp: float | None) -> pd.Series:
    """Micrometre per px of the image of each sample, float64 (N,), NaN if nobody knows.

    It is what the annotations say, else the image, else the card. Images are opened only if the annotations do not say.

    Args:
        root: the folder that the table's files are relative to.
        table: the annotation table.
        image_mpp: what the card says.
    """
    if "mpp" in table and table["mpp"].notna().all():
        return table["mpp"]
    return cutting.file_column(table).map(survey(root, table, image_mpp)["mpp"])
