"""Pre-cut crops in one folder per class: AMi-Br, AtNorM-MD, AtNorM-Br, and one's own."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from mitofm.data import tabular
from mitofm.data.annotations import validate
from mitofm.data.sources import crop_files, finding, reading
from mitofm.data.sources.crops import Columns, Crops
from mitofm.data.sources.spelling import fold_case, list_words, to_slashes
from mitofm.ground.errors import MitofmError

KEYS = ("crop", "slide", "patient", "domain", "species", "scanner", "x", "y", "votes")


class ClassFolders(Crops):
    """Folders of crops, one per class, and optionally a CSV that says what the crops were cut from.

    The folders lie in the root, in its folder that is called as the data set, or in a folder `patches`, `crops` or
    `images` of these; the CSV anywhere on the way to them. Samples are named with the config's words for the folders,
    whatever case the disk has.
    Folders below that of a class are slides: `Atypical/slideA/1.png`. Without these and without a CSV no slide is known:
    each crop is its own slide, with the name of the sample, and reports say so. The CSV names a crop by its file name, with
    or without the ending and the folders it lies in, as long as only one crop has that name. Another image ending, and
    folders that do not tell the crops apart, are ignored.

    Args:
        positive: folders of label 1, inside the folder, and what experts write for it without `vote_words`.
        negative: folders of label 0.
        side: side of the crops, px; a sample lies at the centre of its crop. 0: not known.
        file: the CSV, inside the folder or anywhere else; None: there is none.
        file_url: where the CSV is published, for messages.
        columns: those of crop, and if the CSV has them slide, patient, domain, species, scanner, x and y (centre in the
            slide, px), votes.
        votes_file: another CSV, of votes alone, which may be absent: its `file` (as above) and its columns `crop` and
            `votes`.
        root, name, more: see `mitofm.data.sources.crops.Crops`.
    """

    def __init__(
        self,
        root: str | Path,
        name: str,
        positive: Sequence[str],
        negative: Sequence[str],
        side: int,
        file: str | Sequence[str] | None = None,
        columns: Columns | None = None,
        file_url: str | None = None,
        votes_file: Mapping[str, str | Sequence[str]] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(root, name, file, columns, KEYS, **more)
        if self.file and "crop" not in self.columns:
            raise MitofmError(
                f"data set {name!r}: data.source.columns must name the columns of {self.file[0]} for crop and slide, if it has one"
            )
        self.votes_columns = {key: list_words(words) for key, words in (votes_file or {}).items()}
        if votes_file and set(votes_file) != {"file", "crop", "votes"}:
            raise MitofmError(f"data set {name!r}: data.source.votes_file needs file, crop and votes, and nothing else")
        self.votes_file = self.votes_columns.pop("file", [])
        self.file_url = file_url
        self.folders = dict.fromkeys(positive, 1) | dict.fromkeys(negative, 0)
        self.side = side
        self.vote_words = self.vote_words or [PurePosixPath(folder).name for folder in positive]

    @property
    def root(self) -> Path:
        """The folder that holds those of the classes; what was given, if none does."""
        return self._find_folders()[0]

    def prepare(self) -> None:
        """Check that every crop that the CSV describes is there, and described."""
        self.table()
        path, crops = self._find_csv(), self._list_crops()
        described = [] if path is None else self._read_csv(path, self.columns, crops).index
        gone = [crop for crop in described if crop not in crops.index]
        if gone:
            raise MitofmError(
                f"data set {self.name!r}: {len(gone)} crops of {path} are in none of the folders "
                f"{', '.join(self.folders)} of {self.root}: {', '.join(gone[:3])}. Copy them there"
            )

    def files(self) -> list[Path]:
        """The crops, since their folders are their labels, and the CSVs."""
        crops = map(self.root.joinpath, self._list_crops().index)
        return [*crops, *(path for path in (self._find_csv(), self._find(self.votes_file)) if path is not None)]

    def table(self) -> pd.DataFrame:
        """The annotation table. MitofmError, with its place, for whatever in the files has no meaning."""
        samples, path = self._list_crops(), self._find_csv()
        origin = str(path or self.root)
        crops = pd.Series(samples.index, samples.index)
        samples = samples.assign(crop=crops, image=crops, dataset=self.name, x=self.side / 2, y=self.side / 2)
        if self.slide_pattern is not None:
            samples["slide"] = crop_files.extract_slides(crops, self.slide_pattern, origin)
        for csv, columns in ((path, self.columns), (self._find(self.votes_file), self.votes_columns)):
            if csv is None:
                continue
            known = self._describe_each(samples, csv, columns)
            for key in {"x", "y"} & set(known):
                known[key] = tabular.parse_numbers(known[key], origin)
            samples[known.columns] = known
            if {"x", "slide"} <= set(known):  # a position in the slide; else no pixels are known to be shared
                samples["image"] = known["slide"]
        return validate(self.add_domains(samples, crops, origin), origin)

    def _find_folders(self) -> tuple[Path, dict[str, Path]]:
        """The first place that has a folder for every class, and these; if none has, those that should be in the root."""
        for place in crop_files.list_places(self._given, self.name):
            with suppress(MitofmError):
                return place, {folder: finding.find(place, folder, "a class", Path.is_dir) for folder in self.folders}
        return self._given, {folder: self._given / folder for folder in self.folders}

    def _list_crops(self) -> pd.DataFrame:
        """Every crop (index: its path in the root), in the order of the folders and names.

        Columns: called, its path with the config's word for the folder of its class; sample_id; label; slide.
        """
        root, folders = self._find_folders()
        found = []
        for folder, inside in folders.items():
            files = crop_files.list_crops(inside)
            if not files:
                raise finding.absent(f"data set {self.name!r}", f"{inside} holds no images", self._given)
            for file in files:
                called = f"{folder}/{file}"
                sample = reading.stem(called)
                slide = file.rpartition("/")[0].replace("/", "-") or sample
                path = (inside.relative_to(root) / file).as_posix()
                found.append((path, called, sample, self.folders[folder], slide))
        crops = pd.DataFrame(found, columns=["crop", "called", "sample_id", "label", "slide"]).set_index("crop")
        again = crops["sample_id"].duplicated()
        if again.any():
            one, other = crops.index[crops["sample_id"] == crops["sample_id"][again].iloc[0]][:2]
            raise MitofmError(
                f"data set {self.name!r}: {one} and {other} of {root} would be one sample, called "
                f"{crops['sample_id'][again].iloc[0]!r}. Keep or rename one of them"
            )
        return crops

    def _find_csv(self) -> Path | None:
        """The CSV. MitofmError if there should be one, and is none, or an empty one."""
        if self.file is None:
            return None
        found = self._find(self.file)
        if found is None:
            url = f". It is published at {self.file_url}" if self.file_url else ""
            raise MitofmError(
                f"{finding.missing(self._given, self.file, f'data set {self.name!r}')}{url}. Or do without it by "
                "data.source.file=null: then each crop is its own slide"
            )
        return reading.require_content(found, self.name)

    def _find(self, names: Sequence[str]) -> Path | None:
        """The file of one of `names` in the root or on the way to it from the folder that was given."""
        places = [place for place in (self.root, *self.root.parents) if place.is_relative_to(self._given)]
        paths = [str(place.relative_to(self._given) / name) for place in places for name in names]
        with suppress(MitofmError):
            return finding.find(self._given, paths, "a CSV") if paths else None
        return None

    def _describe_each(self, crops: pd.DataFrame, path: Path, columns: Mapping[str, list[str]]) -> pd.DataFrame:
        """What the CSV in `path` says of each crop, one row per crop."""
        known = self._read_csv(path, columns, crops)
        odd = crops.index[~crops.index.isin(known.index)]
        if len(odd):
            strange = known.index[~known.index.isin(crops.index)]
            raise MitofmError(
                f"{path}: {len(odd)} crops of {self.root} have no row of their own, the first is {odd[0]}"
                + (f"; the first row that is no crop's calls it {strange[0]!r}" if len(strange) else "")
                + ". Complete or correct the CSV, or leave data.source.file=null: then each crop is its own slide"
            )
        return known.loc[crops.index]

    def _read_csv(self, path: Path, columns: Mapping[str, list[str]], crops: pd.DataFrame) -> pd.DataFrame:
        """What the CSV says, and its votes, one row per crop (index: its path, or the CSV's word if it is not there)."""
        read = reading.read_csv(path, [word for key, words in columns.items() if key != "votes" for word in words])
        known = self.name_columns(read, columns, path)
        names = crop_files.CropNames(dict(zip(crops["called"], crops.index, strict=True)))
        telling = self._find_telling()
        found = names.find_each(known["crop"], lambda word: _count_beyond(word, telling), path, self.root)
        known["crop"] = [crop or word for crop, word in zip(found, known["crop"], strict=True)]
        again = known["crop"].duplicated()
        if again.any():
            crop = known["crop"][again.idxmax()]
            raise MitofmError(f"{path}: row {again.idxmax()}: it describes {crop}, which an earlier row describes too")
        return known.set_index("crop")

    def _find_telling(self) -> set[str]:
        """The parts of the folders of classes that tell crops apart."""
        sets = [{fold_case(part) for part in PurePosixPath(folder).parts} for folder in self.folders]
        return {part for parts in sets for part in parts if not all(part in others for others in sets)}


def _count_beyond(word: str, telling: Collection[str]) -> int:
    """How many leading folders of `word` may be ignored: those before the first one in `telling`."""
    before = PurePosixPath(to_slashes(word)).parts[:-1]
    return next((place for place, part in enumerate(before) if fold_case(part) in telling), len(before))
