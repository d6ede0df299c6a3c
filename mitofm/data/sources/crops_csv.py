"""Pre-cut crops that a CSV names, one row per crop: MIDOG 2025's atypical set, OMG-Octo, and one's own."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd

from mitofm.data import tabular
from mitofm.data.annotations import UNKNOWN, VOTES, validate
from mitofm.data.sources import crop_files, finding, reading
from mitofm.data.sources.classes import Classes, Names
from mitofm.data.sources.crops import Columns, Crops
from mitofm.data.sources.spelling import list_words, to_slashes
from mitofm.ground.errors import MitofmError

COLUMNS = ("crop", "label", "slide", "patient", "domain", "species", "scanner", "x", "y", "mpp", "image", "dataset",
           "sample_id", *VOTES)  # fmt: skip


class CropsCsv(Crops):
    """A folder with a CSV that names crops, and the crops.

    The CSV lies in the root, in its folder that is called as the data set, or in a folder `patches`, `crops` or `images`
    of these. It knows a crop by its path below `folder`, with or without the ending and with or without the folders above
    it; folders that all its crops have in common (`/disk/crops/`) need not be there.
    A sample that has no name of its own is called after its crop's file, or if files of several folders have one name after
    its whole path. A crop that is named twice is two samples, for `mitofm.data.curation` to see. Without a slide each crop
    is its own.

    Args:
        name: also the `dataset` of its samples if the CSV names none.
        file: the CSV; None: the one table (`.csv`, `.tsv`, `.txt`) there that has the columns.
        columns: those of crop and label, and if the CSV has them slide, patient, domain, species, scanner, x and y (centre
            in the slide, px), mpp, image (if a slide has several), dataset, sample_id, votes. Beside `votes_positive`,
            `votes` is the column of how many there are. Without one of labels, samples can be scored and not learned from.
        positive: words of label 1; with none, positive or negative, labels are 1 and 0. Experts write them for it, too,
            without `vote_words`.
        negative: words of label 0.
        ignored: words of crops that are no sample of the task; "others": all that are not named.
        folder: where the crops lie, beside the CSV.
        root, more: see `mitofm.data.sources.crops.Crops`.
    """

    def __init__(
        self,
        root: str | Path,
        name: str,
        file: str | Sequence[str] | None,
        columns: Columns,
        positive: Names = (),
        negative: Names = (),
        ignored: Names = (),
        folder: str = ".",
        **more: Any,
    ) -> None:
        super().__init__(root, name, file, columns, COLUMNS, **more)
        if "crop" not in self.columns:
            raise MitofmError(f"data set {name!r}: data.source.columns must name the column of crops")
        self.folder = folder
        self.classes = Classes(positive, negative, ignored) if positive or negative else None
        self.vote_words = self.vote_words or list_words(positive)

    @property
    def root(self) -> Path:
        """The folder that the CSV was looked for and found in; what was given, if it was not found."""
        return self._find()[0]

    def prepare(self) -> None:
        """Check that the CSV and every crop it names are there."""
        reading.check_images(self.root, self.table()["crop"], self.name)

    def files(self) -> list[Path]:
        """The CSV."""
        _, path = self._find()
        if path is None and self.file is None:
            lack = f"no table in {self._given} has the columns {', '.join(self._needed())}"
            raise finding.absent(f"data set {self.name!r}", lack, self._given)
        if path is None:
            raise finding.missing(self._given, self.file or (), f"data set {self.name!r}")
        return [reading.require_content(path, self.name)]

    def table(self) -> pd.DataFrame:
        """The annotation table. MitofmError, with its place, for whatever in the files has no meaning."""
        path = self.files()[0]
        return validate(self._to_samples(reading.read_csv(path, self._needed()), path), str(path))

    def _needed(self) -> list[str]:
        return [word for key, words in self.columns.items() if key != "votes" for word in words]

    def _find(self) -> tuple[Path, Path | None]:
        """The folder that the CSV is in, and the CSV."""
        for place in crop_files.list_places(self._given, self.name):
            if self.file is not None:
                with suppress(MitofmError):
                    return place, finding.find(place, self.file, "a CSV")
                continue
            fitting = [path for path in crop_files.list_tables(place) if set(self._needed()) <= set(_read_header(path))]
            if len(fitting) > 1:
                raise MitofmError(
                    f"data set {self.name!r}: {fitting[0]} or {fitting[1].name} may be its table. Say which with data.source.file"
                )
            if fitting:
                return place, fitting[0]
        return self._given, None

    def _to_samples(self, read: pd.DataFrame, path: Path) -> pd.DataFrame:
        """The annotation table, not yet validated, with the rows of the CSV `read` from `path`."""
        samples = self.name_columns(read, self.columns, path)
        for key in ("x", "y", "mpp", *([] if self.classes else ["label"])):
            if key in samples:
                samples[key] = tabular.parse_numbers(samples[key].rename(key), str(path))
        called = samples["crop"].map(to_slashes)
        samples["crop"] = self._find_crops(called, path)
        if "sample_id" not in samples:
            absolute = called.map(crop_files.is_absolute).any()
            samples["sample_id"] = crop_files.name_samples(samples["crop"] if absolute else called)
        if self.slide_pattern is not None:
            samples["slide"] = crop_files.extract_slides(called, self.slide_pattern, str(path))
        elif "slide" not in samples:
            samples["slide"] = samples["sample_id"]
        if "x" not in samples:  # no position in the slide: a crop shares no pixels that anyone knows of
            samples = samples.assign(x=0, y=0, image=samples["crop"])
        elif "image" not in samples:
            samples["image"] = samples["slide"]
        if "dataset" not in samples:
            samples["dataset"] = self.name
        if "label" not in samples:
            samples["label"] = UNKNOWN
        elif self.classes is not None:
            labels = self.classes.to_labels(samples["label"], str(path))
            samples = samples.loc[labels.index].assign(label=labels)
        return self.add_domains(samples, samples["image"], str(path))

    def _find_crops(self, called: pd.Series, path: Path) -> pd.Series:
        """The path of each crop in the root; one that is not there as the CSV calls it, below `folder`."""
        root = self.root
        with suppress(MitofmError):
            root = finding.find(root, self.folder, "crops", Path.is_dir)
        inside = root.relative_to(self.root)
        names = crop_files.CropNames({crop: crop for crop in crop_files.list_crops(root)})
        beyond = crop_files.count_shared_folders(called)
        found = names.find_each(called, lambda _: beyond, path, root)
        paths = [inside / crop if crop else Path(self.folder) / word for word, crop in zip(called, found, strict=True)]
        return pd.Series([one.as_posix() for one in paths], called.index)


def _read_header(path: Path) -> list[str]:
    """The columns of the table in `path`; none, if it is none."""
    with suppress(MitofmError):
        return list(tabular.read(path))
    return []
