"""Pre-cut crops in a folder, described by one CSV."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pandas as pd

from mitofm.data.annotations import validate
from mitofm.data.sources import reading
from mitofm.errors import MitofmError

ANNOTATIONS = "annotations.csv"
_NEEDED = ("patch", "label", "slide", "tumor_domain", "x", "y")


class Patches:
    """A folder with `annotations.csv` and one image file per cell.

    Columns: `patch` (path of the crop, relative to the folder), `label`, `slide`, `tumor_domain`, `x`, `y` (centre in
    the source image, px); where known `dataset`, `frame` (the source image, if a slide has several), `species`,
    `scanner`, `mpp`, `padded` (1 = padded at a border of the image, so the cell is off its centre). Others are ignored.

    Args:
        root: the folder.
        name: the data set's name, and the `dataset` of its cells where the CSV names none.
        include_padded: keep the padded crops. They are left out by default: a crop is read at its centre.
    """

    def __init__(self, root: str | Path, name: str, include_padded: bool = False) -> None:
        self.root = Path(root)
        self.name = name
        self.include_padded = include_padded

    def prepare(self) -> None:
        """Check that the CSV and every crop it names are there."""
        reading.check_images(self.root, self.table()["crop"], self.name)

    def files(self) -> list[Path]:
        """The CSV."""
        return [reading.annotation_file(self.root / ANNOTATIONS, self.name)]

    def table(self) -> pd.DataFrame:
        """The annotation table.

        Raises:
            MitofmError: the CSV is missing or unreadable, lacks a column, or holds an impossible value (with its row).
        """
        path = self.files()[0]
        read = reading.csv(path, _NEEDED)
        read = read.assign(
            sample_id=read["patch"].map(lambda patch: PurePosixPath(patch).stem),
            dataset=read.get("dataset", self.name),
            image=read.get("frame", read["slide"]),
            crop=read["patch"],
            domain=read["tumor_domain"],
        )
        table = validate(read, str(path))
        if self.include_padded:
            return table
        return table[table["sample_id"].isin(self._whole(read, path))].reset_index(drop=True)

    @staticmethod
    def _whole(read: pd.DataFrame, path: Path) -> pd.Series:
        """The sample_ids of the crops that are not padded."""
        if "padded" not in read:
            return read["sample_id"]
        wrong = ~read["padded"].isin(["0", "1"])
        if wrong.any():
            row = wrong.idxmax()
            raise MitofmError(f"{path}: row {row}: padded is {read['padded'][row]!r}; it must be 0 or 1")
        return read.loc[read["padded"] == "0", "sample_id"]
