"""Pre-cut crops in a folder, described by an `annotations.csv` in mitofm's own words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from mitofm.data.annotations import VOTES, refuse
from mitofm.data.sources.crops_csv import CropsCsv

ANNOTATIONS = "annotations.csv"
_NEEDED = {"crop": "patch", "label": "label", "slide": "slide", "domain": "tumor_domain", "x": "x", "y": "y"}
_OPTIONAL = {"dataset": "dataset", "image": "frame", "patient": "patient"} | {
    word: word for word in ("species", "scanner", "mpp")
}


class Patches(CropsCsv):
    """A folder with `annotations.csv` and one image file per sample.

    Columns: `patch` (path of the crop, relative to the folder), `label`, `slide`, `tumor_domain`, `x`, `y` (centre in
    the source image, px); if known `dataset`, `frame` (the source image, if a slide has several), `patient`, `species`,
    `scanner`, `mpp`, `votes` (of how many experts) and `votes_atypical` or `votes_positive` (how many called it positive),
    `padded` (1 = padded at a border of the image, so the sample is off its centre). Others are ignored.

    Args:
        name: the data set's, and the `dataset` of its samples if the CSV names none.
        include_padded: keep the padded crops. They are left out by default: a crop is read at its centre.
    """

    def __init__(self, root: str | Path, name: str, include_padded: bool = False) -> None:
        super().__init__(root, name, ANNOTATIONS, _NEEDED)
        self.include_padded = include_padded

    def name_columns(self, read: pd.DataFrame, columns: Mapping[str, Sequence[str]], path: Path) -> pd.DataFrame:
        """As any source of crops, with the columns that not every CSV has."""
        words = {**columns, **{key: [word] for key, word in _OPTIONAL.items() if word in read}}
        positive = next((word for word in ("votes_positive", "votes_atypical") if word in read), None)
        if positive and "votes" in read:
            words |= dict(zip(VOTES, ([positive], ["votes"]), strict=True))
        return super().name_columns(read, words, path)

    def _to_samples(self, read: pd.DataFrame, path: Path) -> pd.DataFrame:
        """Less the padded, after the samples have been named."""
        samples = super()._to_samples(read, path)
        if self.include_padded or "padded" not in read:
            return samples
        refuse(~read["padded"].isin(["0", "1"]), read["padded"], str(path), "it must be 0 or 1")
        return samples[read["padded"] == "0"]
