"""Checks a search over settings before its first cell: what it draws, and whether its cells have enough validation samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mitofm.commands.composing import CommandLine
from mitofm.commands.search_space import Space, read_space
from mitofm.commands.searching import SWEEPER, SearchSettings, read_settings
from mitofm.data.splits.part import VALIDATION
from mitofm.ground.errors import MitofmError
from mitofm.runs.foresight import Tried
from mitofm.runs.identity import Known
from mitofm.runs.resolve import plain
from mitofm.runs.studies import MOST_CELLS
from mitofm.training.settings import Settings


@dataclass(frozen=True)
class PlannedSearch:
    """A search that can be run, or planned."""

    settings: SearchSettings
    space: Space

    @property
    def size(self) -> int:
        """How many cells it runs at most: two draws may be one cell."""
        return self.settings.n_trials * len(self.space.repeated)

    def describe(self) -> str:
        """The search, in words."""
        each = f" of {len(self.space.repeated)} cells" if len(self.space.repeated) > 1 else ""
        return (
            f"a search of {', '.join(self.space.drawn)} by validation AUROC: {self.settings.n_trials} trials{each}, "
            f"{self.size} cells at most"
        )


def check_search(line: CommandLine, cells: Sequence[Settings], known: Known) -> PlannedSearch | None:
    """What a search will do, if hydra/sweeper=optuna is asked for one.

    Raises:
        MitofmError: it cannot search that, or on so few validation samples; or another sweeper draws, and would not learn
            from jobs of Slurm what their cells gave.
    """
    if not line.draws:
        return None
    if line.sweeper._target_ != SWEEPER:
        if line.launcher == "slurm":
            raise MitofmError(
                f"hydra/launcher=slurm tells {line.sweeper._target_} no results: take hydra/sweeper=optuna, or another launcher"
            )
        return None
    search = PlannedSearch(read_settings(plain(line.sweeper)), read_space(line.handed))
    if search.size > MOST_CELLS:
        raise MitofmError(
            f"this search has {search.size} cells, more than the {MOST_CELLS} of a study: ask for fewer trials"
        )
    tried = Tried(known)
    for settings in cells:
        split = tried.split(settings)
        if isinstance(split, str):
            raise MitofmError(split)
        frame = split.frame
        labels = frame["label"].to_numpy()[(frame["part"] == VALIDATION).to_numpy()]
        if not settings.protocol.can_choose(labels):
            raise MitofmError(
                f"a search chooses by validation samples, and a cell of this one has {len(labels)}, {int(labels.sum())} of them "
                "positive: too few for this protocol.validation_samples and protocol.validation_samples_per_class"
            )
    return search
