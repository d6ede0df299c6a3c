"""What sources share that have one file of annotations and the images it names."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path

import pandas as pd

from mitofm.data.sources import reading
from mitofm.data.sources.classes import Classes, Names
from mitofm.data.sources.domains import Rules
from mitofm.data.sources.finding import find


@dataclass
class AnnotatedImages(ABC):
    """One file of annotations and its images.

    Args:
        root: the folder.
        name: the data set's name.
        file: the annotations, in the folder; or several names, of which the first that is there is read.
        positive: classes of label 1, by name or number.
        negative: classes of label 0. A class that is in neither list, or in `ignored`, is an error.
        ignored: classes that are no cell of the task; "others": all that are not named.
        images: where the images are, in the folder.
        domains: see `mitofm.data.sources.domains.fill`.
    """

    root: Path
    name: str
    file: str | Sequence[str]
    _: KW_ONLY
    positive: Names
    negative: Names
    ignored: Names = ()
    images: str = "."
    domains: Rules = ()

    def __post_init__(self) -> None:
        self.root = Path(self.root)
        self.classes = Classes(self.positive, self.negative, self.ignored)

    def prepare(self) -> None:
        """Check that the annotations and every image with cells are there."""
        reading.check_images(self.root, self.table()["image"], self.name)

    def files(self) -> list[Path]:
        """The file of annotations."""
        return [reading.annotation_file(find(self.root, self.file, f"data set {self.name!r}"), self.name)]

    @abstractmethod
    def table(self) -> pd.DataFrame:
        """The annotation table."""
