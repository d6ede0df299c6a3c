"""What sources of pre-cut crops share: where their files may lie, and how a CSV describes crops."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import pandas as pd

from mitofm.data.sources.domains import Rules, fill
from mitofm.data.sources.spelling import list_words, respell
from mitofm.data.sources.votes import Words, count
from mitofm.ground.errors import unknown

Columns = Mapping[str, str | Sequence[str] | None]


class Crops(ABC):
    """Pre-cut crops, and what folders, their names or a CSV say of them.

    Args:
        file: the CSV, or the names it has in several copies; None: as the class says.
        columns: the CSV's words, by what they are here. A list of columns is joined with "_"; but that of `votes` is one
            column per expert. null: it has no such column.
        known: what a column may be.
        slide_pattern: a regular expression whose group is the slide in the name of a crop.
        domains: what the CSV does not say; see `mitofm.data.sources.domains.fill`.
        spelling: see `mitofm.data.sources.spelling.respell`.
        vote_words: what experts write for label 1; none: what the class says.
    """

    def __init__(
        self,
        root: str | Path,
        name: str,
        file: str | Sequence[str] | None,
        columns: Columns | None,
        known: Collection[str],
        slide_pattern: str | None = None,
        domains: Rules = (),
        spelling: Mapping[str, str] | None = None,
        vote_words: Words = (),
    ) -> None:
        for key in columns or ():
            if key not in known:
                raise unknown("column", key, known, place="data.source.columns")
        self.columns = {key: list_words(word) for key, word in (columns or {}).items() if word is not None}
        self.name = name
        self.file = None if file is None else list_words(file)
        self.slide_pattern = slide_pattern
        self.domains = domains
        self.spelling = spelling or {}
        self.vote_words = list_words(vote_words)
        self._given = Path(root)

    @property
    @abstractmethod
    def root(self) -> Path:
        """The folder that the crops' paths are relative to; what was given, if they are not found."""

    @abstractmethod
    def table(self) -> pd.DataFrame:
        """The annotation table. MitofmError, with its place, for whatever in the files has no meaning."""

    def name_columns(self, read: pd.DataFrame, columns: Mapping[str, Sequence[str]], path: Path) -> pd.DataFrame:
        """What the CSV `read` from `path` says, by what its `columns` are here, all of it text but counted votes."""
        counted = "votes_positive" in columns  # then `votes` is a column of numbers, too
        named = pd.DataFrame(
            {
                key: read[words[0]] if len(words) == 1 else ["_".join(row) for row in read[list(words)].to_numpy()]
                for key, words in columns.items()
                if key != "votes" or counted
            },
            read.index,
        )
        if counted or "votes" not in columns:
            return named
        return named.join(count(read, columns["votes"], self.vote_words, path))

    def add_domains(self, samples: pd.DataFrame, images: pd.Series, origin: str) -> pd.DataFrame:
        """`samples` in the config's spelling, with domain, species and scanner. MitofmError if one has no domain."""
        return fill(respell(samples, self.spelling), images, self.domains, origin)
