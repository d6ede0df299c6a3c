"""Pre-cut crops in one folder per class: AMi-Br, AtNorM-MD, AtNorM-Br."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

import pandas as pd

from mitofm.data.annotations import validate
from mitofm.data.sources import reading
from mitofm.data.sources.domains import Rules, fill
from mitofm.errors import MitofmError, unknown

_KEYS = ("crop", "slide", "domain", "species", "scanner", "x", "y")


class ClassFolders:
    """Folders of crops, one per class, and where there is one a CSV that says what the crops were cut from.

    Without the CSV no slide is known: each crop is its own slide, called as the cell is, and what is reported of the
    data set says so. The CSV knows a crop by its file name, with or without the ending and the folders it lies in, as long
    as that is one crop's alone. Another image ending, and folders that do not tell the crops apart, are looked past.

    Args:
        root: the folder.
        name: the data set's name.
        positive: folders of label 1, inside the folder.
        negative: folders of label 0.
        side: side of the crops, px; a cell lies at the centre of its crop.
        file: the CSV, inside the folder or anywhere else; None: there is none.
        columns: the CSV's words for crop, slide, and where it has them domain, species, scanner, x and y (centre in the
            slide, px). A list of columns is joined with "_".
        domains: what the CSV does not say; see `mitofm.data.sources.domains.fill`.
    """

    def __init__(
        self,
        root: str | Path,
        name: str,
        positive: Sequence[str],
        negative: Sequence[str],
        side: int,
        file: str | None = None,
        columns: Mapping[str, str | Sequence[str]] | None = None,
        domains: Rules = (),
    ) -> None:
        self.columns = {key: [word] if isinstance(word, str) else list(word) for key, word in (columns or {}).items()}
        for key in self.columns:
            if key not in _KEYS:
                raise unknown("column", key, _KEYS, place="source.columns")
        if file is not None and not {"crop", "slide"} <= set(self.columns):
            raise MitofmError(f"data set {name!r}: source.columns must name the columns of {file} for crop and slide")
        self.root = Path(root)
        self.name = name
        self.folders = dict.fromkeys(positive, 1) | dict.fromkeys(negative, 0)
        self.side = side
        self.domains = domains
        self._path = None if file is None else self.root / file

    def prepare(self) -> None:
        """Check that every crop that the CSV describes is there, and described."""
        there = set(self.table()["crop"])
        gone = [] if self._path is None else [crop for crop in self._described(self._path).index if crop not in there]
        if gone:
            raise MitofmError(
                f"data set {self.name!r}: {len(gone)} crops of {self._path} are in none of the folders "
                f"{', '.join(self.folders)} of {self.root}: {', '.join(gone[:3])}. Copy them there"
            )

    def files(self) -> list[Path]:
        """The crops, since their folders are their labels, and the CSV."""
        crops = [self.root / crop for crop in self._crops()]
        return crops if self._path is None else [*crops, reading.annotation_file(self._path, self.name)]

    def table(self) -> pd.DataFrame:
        """The annotation table.

        Raises:
            MitofmError: a folder or the CSV is missing, the CSV is broken or does not describe a crop, or no domain is
                known.
        """
        self.files()
        labels = self._crops()
        crops = pd.Series(list(labels), index=pd.Index(list(labels), name="crop"))
        cells = pd.DataFrame({"crop": crops, "label": list(labels.values()), "dataset": self.name, "image": crops})
        cells = cells.assign(sample_id=crops.map(reading.stem), x=self.side / 2, y=self.side / 2)
        cells["slide"] = cells["sample_id"]
        if self._path is not None:
            known = self._described(self._path)
            odd = crops[~crops.isin(known.index)]
            if len(odd):
                strange = known.index[~known.index.isin(crops)]
                raise MitofmError(
                    f"{self._path}: {len(odd)} crops of {self.root} have no row of their own, the first is {odd.iloc[0]}"
                    + (f"; the first row that is no crop's calls it {strange[0]!r}" if len(strange) else "")
                    + ". Complete or correct the CSV, or leave source.file=null: then each crop is its own slide"
                )
            known = known.loc[crops]
            cells[known.columns] = known
            if "x" in known:  # a position in the slide; without one a crop shares no pixels that anyone knows of
                cells["image"] = known["slide"]
        cells = fill(cells, crops, self.domains, str(self._path or self.root))
        return validate(cells, str(self._path or self.root))

    def _crops(self) -> dict[str, int]:
        """Path in the root -> label of every crop, in the order of the folders and names."""
        found: dict[str, int] = {}
        for folder, label in self.folders.items():
            path = self.root / folder
            files = sorted(path.iterdir()) if path.is_dir() else []
            crops = [f"{folder}/{file.name}" for file in files if file.suffix.lower() in reading.IMAGES]
            if not crops:
                raise MitofmError(
                    f"data set {self.name!r} is not here: {path} holds no images. Put the crops of that class there, "
                    "or point paths.data (MITOFM_DATA) at the folder that holds them"
                )
            found |= dict.fromkeys(crops, label)
        called: dict[str, str] = {}
        for crop in found:
            if (other := called.setdefault(reading.stem(crop), crop)) != crop:
                raise MitofmError(
                    f"data set {self.name!r}: {other} and {crop} of {self.root} would be one cell, called "
                    f"{reading.stem(crop)!r}. Keep or rename one of them"
                )
        return found

    def _described(self, path: Path) -> pd.DataFrame:
        """What the CSV says, one row per crop (index: its path in the root, or the CSV's word where it is not there)."""
        read = reading.csv(path, [word for words in self.columns.values() for word in words])
        known = pd.DataFrame(
            {key: ["_".join(row) for row in read[words].to_numpy()] for key, words in self.columns.items()}, read.index
        )
        meant: dict[str, list[str]] = {}
        for crop in self._crops():
            for name in _names(crop):
                meant.setdefault(name, []).append(crop)
        found = [next((meant[name] for name in self._read(word) if name in meant), [word]) for word in known["crop"]]
        for row, word, crops in zip(known.index, known["crop"], found, strict=True):
            if len(crops) > 1:
                raise MitofmError(
                    f"{path}: row {row}: {word!r} may be {crops[0]} or {crops[1]} of {self.root}. Give folder and ending "
                    "in the CSV, or rename one of them"
                )
        known["crop"] = [crops[0] for crops in found]
        again = known["crop"].duplicated()
        if again.any():
            crop = known["crop"][again.idxmax()]
            raise MitofmError(f"{path}: row {again.idxmax()}: it describes {crop}, which an earlier row describes too")
        return known.set_index("crop")

    def _read(self, word: str) -> list[str]:
        """What the CSV's `word` may mean, the nearest first; a folder that tells crops apart is never looked past."""
        sets = [set(PurePosixPath(folder).parts) for folder in self.folders]
        telling = {part for parts in sets for part in parts if not all(part in others for others in sets)}
        before = PurePosixPath(word).parts[:-1]
        first = next((place for place, part in enumerate(before) if part in telling), len(before))
        return _names(word)[: 2 * (first + 1)]


def _plain(crop: str) -> str:
    """The path `crop` with its ending, where it has one, in small letters."""
    path = PurePosixPath(crop)
    ending = path.suffix.lower()
    return str(path.with_suffix(ending) if ending in reading.IMAGES else path)


def _names(crop: str) -> list[str]:
    """What a CSV may call a crop: its path, less folders from the left, each with its ending and without."""
    path = PurePosixPath(_plain(crop))
    ending = path.suffix if path.suffix in reading.IMAGES else ""
    whole = [str(PurePosixPath(*path.parts[place:])) for place in range(len(path.parts))]
    return [name for one in whole for name in (one, one.removesuffix(ending))]
