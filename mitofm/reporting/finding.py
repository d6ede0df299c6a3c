"""What every finding of a report works from, and what it gives.

A finding is a module in `findings/` with a function `find(measured) -> Found`, listed in `findings/__init__.py`. It goes the
whole way from stored results to what the page shows of them: numbers, figures, tables and sentences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pandas as pd

from mitofm.evaluation.predictive_value import PREVALENCES
from mitofm.reporting.drawing.style import Drawn
from mitofm.reporting.measured.results import Result, pick_domains, pick_primary
from mitofm.reporting.measured.stored import Stored
from mitofm.reporting.tables import Table

_LONG = 24
"""Tables of more rows are folded until asked for."""


@dataclass(frozen=True)
class Measured:
    """What the finished cells of one data set measured.

    Attributes:
        stored: the predictions of all cells.
        results: of every configuration on each of its evaluation sets.
        order: the adaptations by the number of parameters they train.
        figures: the folder into which findings draw.
        cache: the folder with the patch stores; None if the page may show no crops.
        prevalences: at which positive predictive values are shown.
    """

    stored: Stored
    results: list[Result]
    order: list[str]
    figures: Path
    cache: Path | None = None
    prevalences: Sequence[float] = PREVALENCES

    @cached_property
    def primary(self) -> list[Result]:
        """The results on the evaluation sets that a report compares first."""
        return pick_primary(self.results)

    @cached_property
    def domains(self) -> list[Result]:
        """The results on single test domains; none if there is only one domain."""
        found = pick_domains(self.results)
        return found if len({result.set for result in found}) > 1 else []

    @cached_property
    def done(self) -> pd.DataFrame:
        """The rows of `Collected.cells` behind the results."""
        cells = self.stored.collected.done
        return cells[cells["dataset"] == self.results[0].configuration.dataset]

    @property
    def leaks(self) -> bool:
        """Whether any cell was tested on slides that it was trained on."""
        return bool(self.done["leaks"].eq(True).any())

    @property
    def classes(self) -> tuple[str, str]:
        """The words for label 0 and for label 1."""
        first = self.done.iloc[0]
        return first["negative"] or "negative", first["positive"] or "positive"


@dataclass(frozen=True)
class Section:
    """A heading with text, figures and a table, each optional."""

    title: str
    text: str = ""
    figures: Sequence[Drawn] = field(default=())
    table: Table | None = None
    folded: bool = False

    @property
    def is_folded(self) -> bool:
        """Whether the table opens on demand only."""
        return self.folded or (self.table is not None and len(self.table.shown) > _LONG)


@dataclass(frozen=True)
class Headline:
    """A sentence that may stand on the first screen of a page.

    Attributes:
        rank: the least stands first.
        about: what varies ("adaptation"). Of two ranks about the same, the later says nothing more.
        words: the sentence, for a reader who runs no experiments.
        figure: that shows what it says.
    """

    rank: int
    about: str
    words: str
    figure: Drawn | None = None


@dataclass(frozen=True)
class Found:
    """What the page says of a finding; all of it may be empty.

    `answer` are all of its sentences, `cautions` what a reader must know before reading any number, `headlines` the few
    sentences that the page may open with.
    """

    sections: Sequence[Section] = field(default=())
    answer: Sequence[str] = field(default=())
    cautions: Sequence[str] = field(default=())
    headlines: Sequence[Headline] = field(default=())


def show_table(table: Table, folded: bool = False) -> Section:
    """A section that is a table alone, under its own title."""
    return Section(table.title, table=table, folded=folded)
