"""Checks a search over settings before its first cell: what it draws, and whether its cells have enough validation samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mitofm.commands.composing.command_line import CommandLine
from mitofm.commands.sweeping.search_space import Space, read_space
from mitofm.commands.sweeping.searching import SWEEPER, SearchSettings, read_settings
from mitofm.data.splits.part import VALIDATION
from mitofm.ground.errors import MitofmError
from mitofm.runs.books.studies import MOST_CELLS
from mitofm.runs.foresight import Tried
from mitofm.runs.resolve import plain
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


def check_search(line: CommandLine, cells: Sequence[Settings], tried: Tried) -> PlannedSearch | None:
    """What a search will do, if hydra/sweeper=search is asked for one. `tried` keeps the splits that are made.

    Raises:
        MitofmError: it cannot search that, or on so few validation samples; or another sweeper draws, and minimises, or would
            not learn from jobs of Slurm what their cells gave.
    """
    if not line.draws:
        return None
    for settings in cells:
        _require_validation(settings, tried)
    if line.sweeper._target_ != SWEEPER:
        _check_other(line)
        return None
    search = PlannedSearch(read_settings(plain(line.sweeper)), read_space(line.handed))
    if search.size > MOST_CELLS:
        raise MitofmError(
            f"this search has {search.size} cells, more than the {MOST_CELLS} of a study: ask for fewer trials"
        )
    return search


def _check_other(line: CommandLine) -> None:
    """Refuse what another sweeper cannot do here."""
    name, direction = line.sweeper._target_, line.sweeper.get("direction")
    if direction is not None and "max" not in str(direction).lower():
        raise MitofmError(
            f"hydra.sweeper.direction={str(direction).rpartition('.')[2]}: what a cell gives a sweeper is its validation AUROC: take "
            "hydra.sweeper.direction=maximize, or hydra/sweeper=search, which goes on after a kill (docs/sweeps.md)"
        )
    if line.launcher == "slurm":
        raise MitofmError(
            f"hydra/launcher=slurm tells {name} no results: take hydra/sweeper=search, or another launcher"
        )


def _require_validation(settings: Settings, tried: Tried) -> None:
    """Refuse a cell whose validation samples are too few to choose on."""
    split = tried.split(settings)
    if isinstance(split, str):
        raise MitofmError(split)
    labels = split.frame["label"].to_numpy()[(split.frame["part"] == VALIDATION).to_numpy()]
    if not settings.protocol.can_choose(labels):
        raise MitofmError(
            f"a search chooses by validation samples, and a cell of this one has {len(labels)}, {int(labels.sum())} of them "
            "positive: too few for this protocol.validation_samples and protocol.validation_samples_per_class"
        )
