"""Strategy file: a split made by the authors of a data set or by the user."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from mitofm.data.sources.finding import describe, find
from mitofm.data.sources.spelling import list_words
from mitofm.data.splits import listing
from mitofm.data.splits.leak import keep_apart
from mitofm.data.splits.listing import Listing, Title
from mitofm.data.splits.part import IN_DOMAIN, OUT_OF_DOMAIN, PARTS, TEST, TRAIN, VALIDATION, Sides, Strategy
from mitofm.data.splits.slides import draw_validation
from mitofm.ground.errors import MitofmError, unknown
from mitofm.ground.settings import Share

ABSENT = ("error", "ignore")
SETS_BY = ("domain", "dataset")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class FromFile(Strategy):
    """Parts as listed in a file: a text table of any dialect, or parquet, with a row for each sample, slide or image.

    Several rows of one slide that agree count as one, so a table of samples with a column of parts is such a file. Names
    are matched as they are, then without ending and folder and by number (`mitofm.data.splits.naming`). A test sample
    without an evaluation set is in_domain if its domain trains, else out_of_domain. The seed decides the order in which
    fractions are bought, and which slides validate if a `validation_share` is drawn.

    Attributes:
        file: path of the file; of several, the first that is there.
        columns: the file's own words for its columns (`mitofm.data.splits.listing.COLUMNS`); a list of columns is joined
            with "_". None, or a key that is not there: the usual words.
        words: the file's own words for the parts; None, or a part that is not there: the usual ones.
        listed: the part of whatever the file names, if it has no column of parts.
        others: the part of the samples that it does not name.
        validation_share: of the training slides, at least one, that validate if nothing else does. None: none.
        absent: what is done with names that no sample has, one of `ABSENT`.
        sets_by: "dataset": test samples of a data set that does not train are in a set named after it.
        place: what messages call the file; "": the key that names it.
    """

    file: str | Sequence[str]
    columns: Mapping[str, Title | None] = field(default_factory=dict)
    words: Mapping[str, Sequence[str] | None] = field(default_factory=dict)
    listed: str | None = None
    others: str = "unused"
    validation_share: Share | None = None
    absent: str = "error"
    sets_by: str = "domain"
    place: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        for key in self.columns:
            if key not in listing.COLUMNS:
                raise unknown("column", key, listing.COLUMNS, "split.columns")
        for key, value, choices in (
            ("listed", self.listed, (*PARTS, None)),
            ("others", self.others, PARTS),
            ("absent", self.absent, ABSENT),
            ("sets_by", self.sets_by, SETS_BY),
        ):
            if value not in choices:
                raise unknown(f"split.{key}", value, choices)

    def describe(self) -> str:
        """The training side in words: the file's name without its ending."""
        return Path(self._paths[0]).stem

    def files(self) -> list[Path]:
        """The file. Raises MitofmError if it is not there."""
        with suppress(MitofmError):
            return [find(Path(), self._paths, self._called)]
        paths = [Path(path) for path in self._paths]
        also = "".join(f", nor does {path}" for path in paths[1:])
        place = f"{describe(paths[0].parent)} (a relative path starts at {Path.cwd()})"
        raise MitofmError(f"{self._called} does not exist{also}; {place}")

    def sides(self, table: pd.DataFrame, seed: int) -> Sides:
        """Raises MitofmError, with file and row, for an unknown name or word, and if there is no training part.

        Infeasible if no draw of a validation share leaves enough on both sides.
        """
        (path,) = self.files()
        listed = listing.read(path, self._called, self.columns, self.words, self.listed)
        self._check(listed)
        said, strange = listed.find_parts(table, ignoring=self.absent == "ignore")
        if strange:
            _log.warning("%s: no sample has %d of its names, the first is %r", self._called, len(strange), strange[0])
        part = said["part"].fillna(self.others).to_numpy(dtype=object)
        part, left_out = keep_apart(table, part)
        if left_out:
            _log.warning("%s: %d samples share a unit with what is held out, and are not used", self._called, left_out)
        given = said[listing.SETS].fillna("").to_numpy(dtype=object)
        usual = self._choose_sets(table, part == TRAIN)
        if not (part == VALIDATION).any():
            trains = part == TRAIN
            part[trains] = draw_validation(table[trains], self.validation_share, seed)
        tests = part == TEST
        return Sides(part, np.where(tests, np.where(given == "", usual, given), ""), test_chance=tests.astype(float))

    @property
    def _called(self) -> str:
        return self.place or f"split.file={self._paths[0]}"

    @property
    def _paths(self) -> list[str]:
        return [str(path) for path in list_words(self.file)]

    def _check(self, listed: Listing) -> None:
        for part, why in ((TRAIN, "nothing can be learned"), (TEST, "nothing can be tested")):
            if self.others != part and not (listed.rows["part"] == part).any():
                raise MitofmError(
                    f"{self._called} names no {part} samples, so {why}: it says {listed.count_words()}. Choose another split, "
                    "such as split=in_domain"
                )

    def _choose_sets(self, table: pd.DataFrame, trains: np.ndarray) -> np.ndarray:
        """The evaluation set of each sample (N,) if it tests and the file gives it none."""
        domain = table["domain"].to_numpy(dtype=object)
        sets = np.where(np.isin(domain, pd.unique(domain[trains])), IN_DOMAIN, OUT_OF_DOMAIN).astype(object)
        if self.sets_by == "dataset":
            dataset = table["dataset"].to_numpy(dtype=object)
            sets = np.where(np.isin(dataset, pd.unique(dataset[trains])), sets, dataset)
        return sets
