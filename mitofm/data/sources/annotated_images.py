"""What sources with one file of annotations, and the images it names, share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, fields
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from mitofm.data.sources import reading
from mitofm.data.sources.cases import Cases
from mitofm.data.sources.classes import Classes, Names
from mitofm.data.sources.domains import Rules, fill
from mitofm.data.sources.finding import find
from mitofm.data.sources.placing import place
from mitofm.data.sources.spelling import respell
from mitofm.ground.errors import MitofmError, unknown


@dataclass
class AnnotatedImages(ABC):
    """One file of annotations and its images.

    Args:
        file: the annotations, in the folder; or several names, of which the first that is there is read.
        positive: classes of label 1, by name or number.
        negative: classes of label 0. A class that is in neither list, or in `ignored`, is an error.
        ignored: classes that are no sample of the task; "others": all that are not named.
        images: where the images are, in the folder; `mitofm.data.sources.placing.place` finds those that are elsewhere.
        domains: see `mitofm.data.sources.domains.fill`.
        cases: a table of cases (`mitofm.data.sources.cases.Cases`), which is read before `domains`.
        spelling: another spelling of words in the files, see `mitofm.data.sources.spelling.respell`.
    """

    root: Path
    name: str
    file: str | Sequence[str]
    _: KW_ONLY
    positive: Names
    negative: Names
    ignored: Names = ()
    images: str = "."
    domains: Rules | None = ()
    cases: Mapping[str, Any] | None = None
    spelling: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        self.root = Path(self.root)
        for key, wanted, words in (
            ("file", (str, Sequence), "a name, or a list of names"),
            ("images", str, "a folder"),
            ("positive", (str, int, Sequence), "a class, or a list of classes"),
            ("negative", (str, int, Sequence), "a class, or a list of classes"),
            ("cases", (Mapping, type(None)), "a map"),
            ("spelling", (Mapping, type(None)), "a map from words to words"),
        ):
            value = getattr(self, key)
            if not isinstance(value, wanted) or (key == "file" and not value):
                raise MitofmError(f"data.source.{key}={value!r}: give {words}")
        self.classes = Classes(self.positive, self.negative, self.ignored)
        known = [field.name for field in fields(Cases)]
        for key in self.cases or ():
            if key not in known:
                raise unknown("key", key, known, place="data.source.cases")
        self.table_of_cases = Cases(**self.cases) if self.cases else None

    def prepare(self) -> None:
        """Check that the annotations and every image with samples are there."""
        reading.check_images(self.root, self.table()["image"], self.name)

    def files(self) -> list[Path]:
        """The file of annotations, and the table of cases if there is one."""
        return [self._find(self.file), *self._find_cases()]

    def _find_cases(self) -> list[Path]:
        """The table of cases, if there is one."""
        return [self._find(self.table_of_cases.file)] if self.table_of_cases else []

    def _find(self, names: str | Sequence[str]) -> Path:
        return reading.require_content(find(self.root, names, f"data set {self.name!r}"), self.name)

    @abstractmethod
    def table(self) -> pd.DataFrame:
        """The annotation table."""

    def describe(self, samples: pd.DataFrame, files: pd.Series, paths: Sequence[Path]) -> pd.DataFrame:
        """`samples` with what is known of their images, and `image`: where these are on this disk.

        MitofmError if an image has no domain, or may be one of two files.

        `files` are the image of each, as its file names it, and `paths` those of `files()`.
        """
        if self.table_of_cases:
            samples = self.table_of_cases.describe(samples, files, paths[1])
        samples = respell(fill(samples, files, self.domains or (), str(paths[0])), self.spelling or {})
        return samples.assign(image=self.place_images(files))

    def place_images(self, files: pd.Series) -> pd.Series:
        """Where each of `files`, as paths in `images`, is on this disk, relative to the root."""
        stated = files.map({file: str(PurePosixPath(self.images) / file) for file in files.unique()})
        return stated.map(place(self.root, stated.unique(), self.name))
