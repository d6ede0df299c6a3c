"""Pre-cut crops that a CSV names, one row per crop: MIDOG 2025's atypical set, OMG-Octo, and one's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import pandas as pd

from mitofm.data import tabular
from mitofm.data.annotations import UNKNOWN, VOTES, validate
from mitofm.data.sources import crop_files, finding, reading, votes
from mitofm.data.sources.classes import Classes, Names
from mitofm.data.sources.domains import Rules, fill
from mitofm.data.sources.spelling import list_words, respell, to_slashes
from mitofm.ground.errors import MitofmError, unknown

COLUMNS = ("crop", "label", "slide", "patient", "domain", "species", "scanner", "x", "y", "mpp", "image", "dataset",
           "sample_id", *VOTES)  # fmt: skip


class CropsCsv:
    """A folder with a CSV that names crops, and the crops.

    The CSV lies in the root, in its folder that is called as the data set, or in a folder `patches`, `crops` or `images`
    of these. It knows a crop by its path below `folder`, with or without the ending and with or without the folders above
    it; folders that all its crops have in common (`/disk/crops/`) need not be there.
    A sample that has no name of its own is called after its crop's file, or if files of several folders have one name after
    its whole path. A crop that is named twice is two samples, for `mitofm.data.curation` to see. Without a slide each crop
    is its own.

    Args:
        root: the folder.
        name: the data set's name, and the `dataset` of its samples if the CSV names none.
        file: the CSV, or the names it has in several copies; None: the one table (`.csv`, `.tsv`, `.txt`) there that has
            the columns.
        columns: the CSV's words for crop and label, and if it has them slide, patient, domain, species, scanner, x and y
            (centre in the slide, px), mpp, image (if a slide has several), dataset, sample_id. `votes` is a list of one
            column per expert; or the column of how many there are, beside `votes_positive`. null: it has no such column;
            without one of labels, samples can be scored and not learned from.
        positive: words of label 1; with none, positive or negative, labels are 1 and 0.
        negative: words of label 0.
        ignored: words of crops that are no sample of the task; "others": all that are not named.
        folder: where the crops lie, beside the CSV.
        slide_pattern: a regular expression whose group is the slide in the name of a crop.
        domains: what the CSV does not say; see `mitofm.data.sources.domains.fill`.
        spelling: see `mitofm.data.sources.spelling.respell`.
        vote_words: what experts write for label 1; none: `positive`.
    """

    def __init__(
        self,
        root: str | Path,
        name: str,
        file: str | Sequence[str] | None,
        columns: Mapping[str, str | Sequence[str] | None],
        positive: Names = (),
        negative: Names = (),
        ignored: Names = (),
        folder: str = ".",
        slide_pattern: str | None = None,
        domains: Rules = (),
        spelling: Mapping[str, str] | None = None,
        vote_words: votes.Words = (),
    ) -> None:
        for key in columns:
            if key not in COLUMNS:
                raise unknown("column", key, COLUMNS, place="data.source.columns")
        if columns.get("crop") is None:
            raise MitofmError(f"data set {name!r}: data.source.columns must name the column of crops")
        self.columns = {key: word for key, word in columns.items() if word is not None}
        self.name = name
        self.file = None if file is None else list_words(file)
        self.folder = folder
        self.slide_pattern = slide_pattern
        self.domains = domains
        self.spelling = spelling or {}
        self.classes = Classes(positive, negative, ignored) if positive or negative else None
        self.vote_words = list_words(vote_words) or list_words(positive)
        self._given = Path(root)

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
            raise MitofmError(
                f"data set {self.name!r} is not here: no table in {self._given} has the columns "
                f"{', '.join(self._needed())}; {finding.describe(self._given)}. Put table and crops there, or point "
                "paths.data (MITOFM_DATA) or data.source.root at their folder"
            )
        if path is None:
            raise finding.missing(self._given, self.file or (), f"data set {self.name!r}")
        return [reading.require_content(path, self.name)]

    def table(self) -> pd.DataFrame:
        """The annotation table. MitofmError, with its place, for whatever in the files has no meaning."""
        path = self.files()[0]
        return validate(self._to_samples(reading.read_csv(path, self._needed()), path), str(path))

    def _needed(self) -> list[str]:
        return [word for key, words in self.columns.items() if key != "votes" for word in list_words(words)]

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

    def _name_columns(self, read: pd.DataFrame) -> dict[str, str | Sequence[str]]:
        """The columns of the CSV `read`, by what they are here."""
        return self.columns

    def _to_samples(self, read: pd.DataFrame, path: Path) -> pd.DataFrame:
        """The annotation table, not yet validated, with the rows of the CSV."""
        words = self._name_columns(read)
        counted = "votes_positive" in words  # then `votes` is a column of numbers, too
        samples = crop_files.join_columns(read, {key: word for key, word in words.items() if key != "votes" or counted})
        for key in ("x", "y", "mpp", *([] if self.classes else ["label"])):
            if key in samples:
                samples[key] = tabular.parse_numbers(samples[key].rename(key), str(path))
        if "votes" in words and not counted:
            samples = samples.join(votes.count_columns(read, list_words(words["votes"]), self.vote_words, path))
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
        return fill(respell(samples, self.spelling), samples["image"], self.domains, str(path))

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
