"""Strategy authors: the split that the authors of a data set publish."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from inspect import signature
from pathlib import Path
from typing import Any

import pandas as pd
from omegaconf import OmegaConf

from mitofm.data.splits.file import FromFile
from mitofm.data.splits.part import Sides, Strategy
from mitofm.ground.config import conf_dir
from mitofm.ground.errors import MitofmError, unknown


@dataclass(frozen=True, kw_only=True)
class Authors(Strategy):
    """The authors' split as the card of a data set describes it: where their file is, and how it is read.

    Attributes:
        data: name of the data set.
        published: the arguments of `FromFile`, from the card (`authors_split`); None: its authors publish no split.
    """

    data: str
    published: Mapping[str, Any] | None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.published is None:
            raise MitofmError(
                f"split=authors: the card of data set {self.data!r} names no split of its authors (data.authors_split). "
                f"Those of these do: {', '.join(_list_sets()) or 'none'}"
            )
        known = set(signature(FromFile).parameters) - {"name", "fraction_unit", "place"}
        for key in self.published:
            if key not in known:
                raise unknown("key", key, known, f"data.authors_split of {self.data!r}")
        if "file" not in self.published:
            raise MitofmError(f"data.authors_split of {self.data!r} names no file")
        _ = self._listed  # its arguments are checked before anything is read

    @cached_property
    def _listed(self) -> FromFile:
        given = dict(self.published or {})
        file = given["file"] if isinstance(given["file"], str) else given["file"][0]
        place = f"the authors' split of {self.data} ({file})"
        return FromFile(name=self.name, fraction_unit=self.fraction_unit, place=place, **given)

    def describe(self) -> str:
        """The training side in words."""
        return "the authors' training part"

    def files(self) -> list[Path]:
        """The authors' file. Raises MitofmError if it is not there."""
        return self._listed.files()

    def sides(self, table: pd.DataFrame, seed: int) -> Sides:
        """Raises as `FromFile` does."""
        return self._listed.sides(table, seed)


def _list_sets() -> list[str]:
    """The shipped data sets whose authors publish a split."""
    cards = sorted((conf_dir() / "data").glob("*.yaml"))
    return [card.stem for card in cards if OmegaConf.select(OmegaConf.load(card), "authors_split") is not None]
