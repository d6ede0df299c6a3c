"""Points in tables and GeoJSON, one entry per sample, beside the images they lie in: one's own slides, or a published list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path, PurePosixPath

import pandas as pd

from mitofm.data.annotations import validate
from mitofm.data.sources import geojson, image_names, point_files, points_table, reading
from mitofm.data.sources.annotated_images import AnnotatedImages
from mitofm.data.sources.columns import COLUMNS
from mitofm.data.sources.crop_files import number_repeated
from mitofm.data.sources.domains import state_domain
from mitofm.data.sources.points import PX, UM, UNITS, write_positions
from mitofm.data.sources.spelling import list_words, to_slashes
from mitofm.data.sources.votes import Words
from mitofm.data.survey import survey
from mitofm.ground.errors import MitofmError, NoSamples, unknown
from mitofm.ground.settings import Positive

_FURTHER = ("sample_id", "species", "scanner", "mpp")
_NEEDED = ("x", "y", "image")


@dataclass
class PointsCsv(AnnotatedImages):
    """Tables (of any dialect) or GeoJSON of points, and the images they name.

    A sample without a name of its own is named after its image and position. Its slide, if the file says none, is its
    image. Its domain is what the file says, else what `domains` say, else the data set's name.

    Args:
        file: in the folder: a file, a pattern (`*.geojson`), or a list of these. The usual `cells.csv` stands for the only
            table or GeoJSON of the folder if there is no file of that name.
        columns: a table's own words, if they differ: `{domain: organ}`. Keys: x, y, label, image, slide, domain,
            sample_id, species, scanner, mpp, patient. null: the file has no such column; without one of labels, samples can
            be scored and not learned from. `votes` is a list of one column per expert. See
            `mitofm.data.sources.columns.find_columns`.
        unit: of x and y: "px" of level 0, or "um", micrometres; None: as the header says. Micrometres are converted with
            the image's own resolution (of the column mpp, else its file's).
        image_mpp: micrometres per px of images that do not state it, for positions in micrometres.
        vote_words: what experts write for label 1; none: what labels are written as.
    """

    file: str | Sequence[str]
    _: KW_ONLY
    columns: Mapping[str, str | Sequence[str] | None] = field(default_factory=dict)
    unit: str | None = None
    image_mpp: Positive | None = None
    vote_words: Words = ()

    def __post_init__(self) -> None:
        for key in self.columns:
            if key not in (*COLUMNS, *_FURTHER, "votes"):
                raise unknown("column", key, (*COLUMNS, *_FURTHER, "votes"), place="data.source.columns")
        stated = {**COLUMNS, **self.columns}
        for key in _NEEDED:
            if stated[key] is None:
                raise MitofmError(
                    f"data.source.columns.{key} is null, but every sample needs x, y and its image: "
                    f"data.source.columns.{key}=WORD says in which column of {self.file} it is"
                )
        if self.unit is not None and self.unit not in UNITS:
            raise unknown("data.source.unit", self.unit, UNITS)
        super().__post_init__()
        self.voters = [str(word) for word in list_words(stated.pop("votes", None))]
        self.words = {key: str(word) for key, word in stated.items() if word is not None}

    def files(self) -> list[Path]:
        """The files of points, and the table of cases if there is one."""
        return [*self._find_paths(), *self._find_cases()]

    def table(self) -> pd.DataFrame:
        """The annotation table. MitofmError, with its place, for whatever in the files has no meaning."""
        paths = self._find_paths()
        found = self._read_files(paths)
        parts = list(found.values())
        origin = str(paths[0])
        if len(paths) > 1:
            origin = f"{self.root}: {len(paths)} files"
            for path, part in found.items():
                part.index = pd.Index([f"{entry} of {path.name}" for entry in part.index], name=part.index.name)
        samples = pd.concat(parts).rename_axis(parts[0].index.name)
        files = samples["image"]
        slides = samples.get("slide", pd.Series(None, samples.index, dtype=object))
        samples["slide"] = slides.fillna(files.map(reading.stem))
        if not ("domain" in samples or state_domain(self.domains) or (self.cases or {}).get("domain")):
            samples["domain"] = self.name
        names = files.map(reading.stem) + "-" + samples.pop("at")
        names = number_repeated(names, names)  # the checks report a sample that comes twice
        own = samples.get("sample_id", names)
        samples = samples.assign(sample_id=own.where(own.notna(), names), dataset=self.name)
        return validate(self.describe(samples, files, [paths[0], *self._find_cases()]), origin)

    def _read_files(self, paths: Sequence[Path]) -> dict[Path, pd.DataFrame]:
        """The samples of each file that has some: of many slides some hold none."""
        found: dict[Path, pd.DataFrame] = {}
        for path in paths:
            with suppress(NoSamples):
                found[path] = self._read(path)
        if not found:
            self._read(paths[0])  # raises
        return found

    def _find_paths(self) -> list[Path]:
        """The files of points."""
        found = point_files.list_files(self.root, self.file, f"data set {self.name!r}")
        return [reading.require_content(path, self.name) for path in found]

    def _read(self, path: Path) -> pd.DataFrame:
        """The samples of a file in px, each with its image as a path in `images`."""
        if geojson.is_geojson(path):
            points = geojson.read(path, "label" in self.words, self.classes.to_labels, self.unit or PX)
        else:
            votes = list_words(self.vote_words) or self.classes.words()
            points = points_table.read(path, self.words, self.unit, self.classes.to_labels, self.voters, votes)
        entries = points.entries
        if entries.empty:
            raise NoSamples(f"{path} holds no samples")
        entries["image"] = self._name_images(entries, path)
        if points.unit == UM:
            known = self._find_resolutions(entries, path)
            entries = points.to_pixels(known)
            if self.image_mpp is not None:
                entries["mpp"] = known
        if "at" not in entries:
            entries["at"] = write_positions(entries["x"]) + "-" + write_positions(entries["y"])
        return entries

    def _name_images(self, entries: pd.DataFrame, path: Path) -> pd.Series | str:
        """The image of each entry, or of all, as a path in `images`."""
        folder = self.root / self.images
        if "image" not in entries:
            return image_names.find_image(folder, path.parent, geojson.stem(path), str(path))
        named = {name: self._relate_to_images(name) for name in entries["image"].unique()}
        whole = image_names.complete_names(folder, named.values(), str(path))
        return entries["image"].map(named).map(whole)

    def _relate_to_images(self, name: str) -> str:
        """The image `name` as a path in `images`: `mitofm predict` writes it as one in the root."""
        name = to_slashes(name)
        path = PurePosixPath(name)
        if (self.root / self.images / name).is_file() or not path.is_relative_to(self.images) or self.images == ".":
            return name
        return str(path.relative_to(self.images))

    def _find_resolutions(self, entries: pd.DataFrame, path: Path) -> pd.Series:
        """Micrometres per px of the image of each entry."""
        images = self.place_images(entries["image"])
        reading.check_images(self.root, images, self.name)
        seen = survey(self.root, entries.assign(image=images), self.image_mpp)
        broken = seen["problem"][seen["problem"] != ""]
        if len(broken):
            raise MitofmError(f"{broken.iloc[0]} ({len(broken)} images of {path} cannot be read)")
        unknown_ = seen.index[seen["mpp"].isna()]
        if len(unknown_):
            raise MitofmError(
                f"{path}: its positions are in micrometres, and {unknown_[0]} does not state its resolution "
                f"({len(unknown_)} such images), so they cannot become pixels. Give micrometres per pixel: "
                "data.image_mpp=0.25 for such images, or a column: data.source.columns.mpp=WORD"
            )
        return images.map(seen["mpp"]).astype(float)
