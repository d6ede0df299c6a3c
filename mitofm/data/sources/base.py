"""The contract of a source of annotated samples."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pandas as pd


class Tabled(Protocol):
    """A table of samples and the images they lie in: all that cutting needs."""

    @property
    def root(self) -> Path:
        """The folder that the paths in the table's `image` and `crop` are relative to."""

    def table(self) -> pd.DataFrame:
        """The annotation table (`mitofm.data.annotations`), validated."""


class Source(Tabled, Protocol):
    """A published data set on this machine."""

    def prepare(self) -> None:
        """Make what can be made; MitofmError if another file is missing, with the place where to put it."""

    def files(self) -> list[Path]:
        """The annotation files, whose content defines the table. MitofmError if one is missing."""
