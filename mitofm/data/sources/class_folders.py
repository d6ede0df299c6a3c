"""Pre-cut crops in one folder per class: AMi-Br, AtNorM-MD, AtNorM-Br, and one's own."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pandas as pd

from mitofm.data import tabular
from mitofm.data.annotations import validate
from mitofm.data.sources import crop_files, finding, reading, votes
from mitofm.data.sources.domains import Rules, fill
from mitofm.data.sources.spelling import fold_case, list_words, respell, to_slashes
from mitofm.ground.errors import MitofmError, unknown

KEYS = ("crop", "slide", "patient", "domain", "species", "scanner", "x", "y", "votes")


@dataclass(frozen=True)
class _Crop:
    """A crop: path in the root, path with the config's word for its class folder, label, folder of its slide."""

    path: str
    called: str
    label: int
    slide: str | None


class ClassFolders:
    """Folders of crops, one per class, and optionally a CSV that says what the crops were cut from.

    The folders lie in the root, in its folder that is called as the data set, or in a folder `patches`, `crops` or
    `images` of these; the CSV anywhere on the way to them. Samples are named with the config's words for the folders,
    whatever case the disk has.
    Folders below that of a class are slides: `Atypical/slideA/1.png`. Without these and without a CSV no slide is known:
    each crop is its own slide, with the name of the sample, and reports say so. The CSV names a crop by its file name, with
    or without the ending and the folders it lies in, as long as only one crop has that name. Another image ending, and
    folders that do not tell the crops apart, are ignored.

    Args:
        root: the folder.
        name: the data set's name.
        positive: folders of label 1, inside the folder.
        negative: folders of label 0.
        side: side of the crops, px; a sample lies at the centre of its crop. 0: not known.
        file: the CSV, inside the folder or anywhere else, or the names it has in several copies; None: there is none.
        file_url: where the CSV is published, for messages.
        columns: the CSV's words for crop, and if it has them slide, patient, domain, species, scanner, x and y (centre in
            the slide, px). A list of columns is joined with "_"; but that of `votes` is one column per expert.
        domains: what the CSV does not say; see `mitofm.data.sources.domains.fill`.
        spelling: see `mitofm.data.sources.spelling.respell`.
        slide_pattern: a regular expression whose group is the slide in the name of a crop, if no CSV names slides.
        vote_words: what experts write for label 1; none: the names of the positive folders.
        votes_file: another CSV, of votes alone, which may be absent: its `file` (as above) and its columns `crop` and
            `votes`.
    """

    def __init__(
        self,
        root: str | Path,
        name: str,
        positive: Sequence[str],
        negative: Sequence[str],
        side: int,
        file: str | Sequence[str] | None = None,
        columns: Mapping[str, str | Sequence[str]] | None = None,
        domains: Rules = (),
        file_url: str | None = None,
        spelling: Mapping[str, str] | None = None,
        slide_pattern: str | None = None,
        vote_words: votes.Words = (),
        votes_file: Mapping[str, str | Sequence[str]] | None = None,
    ) -> None:
        self.columns = {key: list_words(word) for key, word in (columns or {}).items() if word is not None}
        for key in self.columns:
            if key not in KEYS:
                raise unknown("column", key, KEYS, place="data.source.columns")
        self.file = None if file is None else list_words(file)
        if self.file and "crop" not in self.columns:
            raise MitofmError(
                f"data set {name!r}: data.source.columns must name the columns of {self.file[0]} for crop and slide (slide only "
                "if the file has it)"
            )
        self.votes_file = {key: list_words(words) for key, words in (votes_file or {}).items()}
        if self.votes_file and set(self.votes_file) != {"file", "crop", "votes"}:
            raise MitofmError(f"data set {name!r}: data.source.votes_file needs file, crop and votes, and nothing else")
        self.name = name
        self.file_url = file_url
        self.folders = dict.fromkeys(positive, 1) | dict.fromkeys(negative, 0)
        self.side = side
        self.domains = domains
        self.spelling = spelling or {}
        self.slide_pattern = slide_pattern
        self.vote_words = list_words(vote_words) or [PurePosixPath(folder).name for folder in positive]
        self._given = Path(root)

    @property
    def root(self) -> Path:
        """The folder that holds those of the classes; what was given, if none does."""
        return self._find_holder() or self._given

    def prepare(self) -> None:
        """Check that every crop that the CSV describes is there, and described."""
        there = set(self.table()["crop"])
        path = self._find_csv()
        described = [] if path is None else self._read_csv(path, self.columns).index
        gone = [crop for crop in described if crop not in there]
        if gone:
            raise MitofmError(
                f"data set {self.name!r}: {len(gone)} crops of {path} are in none of the folders "
                f"{', '.join(self.folders)} of {self.root}: {', '.join(gone[:3])}. Copy them there"
            )

    def files(self) -> list[Path]:
        """The crops, since their folders are their labels, and the CSVs."""
        root = self.root
        crops = [root / crop.path for crop in self._list_crops()]
        return [*crops, *(path for path in (self._find_csv(), self._find_votes_csv()) if path is not None)]

    def table(self) -> pd.DataFrame:
        """The annotation table. MitofmError, with its place, for whatever in the files has no meaning."""
        found = self._list_crops()
        path = self._find_csv()
        origin = str(path or self.root)
        index = pd.Index([crop.path for crop in found], name="crop")
        crops = pd.Series(index, index)
        ids = pd.Series([reading.stem(crop.called) for crop in found], index)
        samples = pd.DataFrame({"crop": crops, "sample_id": ids, "image": crops, "dataset": self.name}, index)
        samples = samples.assign(label=[crop.label for crop in found], x=self.side / 2, y=self.side / 2)
        samples["slide"] = pd.Series([crop.slide for crop in found], index, dtype=object).fillna(ids)
        if self.slide_pattern is not None:
            samples["slide"] = crop_files.extract_slides(crops, self.slide_pattern, origin)
        for csv, columns in ((path, self.columns), (self._find_votes_csv(), self.votes_file)):
            if csv is None:
                continue
            known = self._describe_each(crops, csv, columns)
            for key in {"x", "y"} & set(known):
                known[key] = tabular.parse_numbers(known[key], origin)
            samples[known.columns] = known
            if {"x", "slide"} <= set(known):  # a position in the slide; else no pixels are known to be shared
                samples["image"] = known["slide"]
        return validate(fill(respell(samples, self.spelling), crops, self.domains, origin), origin)

    def _find_holder(self) -> Path | None:
        """The first place that has a folder for every class."""
        for place in crop_files.list_places(self._given, self.name):
            with suppress(MitofmError):
                for folder in self.folders:
                    finding.find(place, folder, "a class", Path.is_dir)
                return place
        return None

    def _list_crops(self) -> list[_Crop]:
        """Every crop, in the order of the folders and names."""
        holding = self._find_holder()
        root = holding or self._given
        found: list[_Crop] = []
        for folder, label in self.folders.items():
            inside = finding.find(holding, folder, "a class", Path.is_dir) if holding else root / folder
            files = crop_files.list_crops(inside)
            if not files:
                raise MitofmError(
                    f"data set {self.name!r} is not here: {inside} holds no images; {finding.describe(self._given)}. Put the "
                    "crops of that class there, or point paths.data (MITOFM_DATA) or source.root at the folder that holds them"
                )
            path = inside.relative_to(root).as_posix()
            for file in files:
                below = file.rpartition("/")[0].replace("/", "-")
                found.append(_Crop(f"{path}/{file}", f"{folder}/{file}", label, below or None))
        called: dict[str, str] = {}
        for crop in found:
            if (other := called.setdefault(reading.stem(crop.called), crop.path)) != crop.path:
                raise MitofmError(
                    f"data set {self.name!r}: {other} and {crop.path} of {root} would be one sample, called "
                    f"{reading.stem(crop.called)!r}. Keep or rename one of them"
                )
        return found

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

    def _find_votes_csv(self) -> Path | None:
        return self._find(self.votes_file["file"]) if self.votes_file else None

    def _find(self, names: list[str]) -> Path | None:
        """The file of one of `names` in the root or on the way to it from the folder that was given."""
        places = [place for place in (self.root, *self.root.parents) if place.is_relative_to(self._given)]
        with suppress(MitofmError):
            return finding.find(
                self._given, [str(place.relative_to(self._given) / name) for place in places for name in names], "a CSV"
            )
        return None

    def _describe_each(self, crops: pd.Series, path: Path, columns: Mapping[str, list[str]]) -> pd.DataFrame:
        """What the CSV in `path` says of each crop, one row per crop."""
        known = self._read_csv(path, columns)
        odd = crops[~crops.isin(known.index)]
        if len(odd):
            strange = known.index[~known.index.isin(crops)]
            raise MitofmError(
                f"{path}: {len(odd)} crops of {self.root} have no row of their own, the first is {odd.iloc[0]}"
                + (f"; the first row that is no crop's calls it {strange[0]!r}" if len(strange) else "")
                + ". Complete or correct the CSV, or leave data.source.file=null: then each crop is its own slide"
            )
        return known.loc[crops]

    def _read_csv(self, path: Path, columns: Mapping[str, list[str]]) -> pd.DataFrame:
        """What the CSV says, and its votes, one row per crop (index: its path, or the CSV's word if it is not there)."""
        plain = {key: words for key, words in columns.items() if key not in ("file", "votes")}
        read = reading.read_csv(path, [word for words in plain.values() for word in words])
        known = crop_files.join_columns(read, plain)
        names = crop_files.CropNames({crop.called: crop.path for crop in self._list_crops()})
        telling = self._find_telling()
        found = names.find_each(known["crop"], lambda word: _count_beyond(word, telling), path, self.root)
        known["crop"] = [crop or word for crop, word in zip(found, known["crop"], strict=True)]
        again = known["crop"].duplicated()
        if again.any():
            crop = known["crop"][again.idxmax()]
            raise MitofmError(f"{path}: row {again.idxmax()}: it describes {crop}, which an earlier row describes too")
        if "votes" in columns:
            known = known.join(votes.count_columns(read, columns["votes"], self.vote_words, path))
        return known.set_index("crop")

    def _find_telling(self) -> set[str]:
        """The parts of the folders of classes that tell crops apart."""
        sets = [{fold_case(part) for part in PurePosixPath(folder).parts} for folder in self.folders]
        return {part for parts in sets for part in parts if not all(part in others for others in sets)}


def _count_beyond(word: str, telling: Collection[str]) -> int:
    """How many leading folders of `word` may be ignored: those before the first one in `telling`."""
    before = PurePosixPath(to_slashes(word)).parts[:-1]
    return next((place for place, part in enumerate(before) if fold_case(part) in telling), len(before))
