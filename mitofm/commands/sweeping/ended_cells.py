"""Takes the cells that need no run out of a sweep, before a launcher sees them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from mitofm.commands.composing.command_line import CommandLine, read_choices
from mitofm.commands.composing.grids import resolve_cells
from mitofm.ground.errors import MitofmError
from mitofm.runs.books.studies import End
from mitofm.runs.folder import SETTLED, State
from mitofm.runs.identity import Known
from mitofm.runs.settled import read_state

SWEEPER = "hydra_plugins.mitofm_sweeper.LeftSweeper"
Cell = tuple[str, ...]
"""A cell of a sweep: its overrides, as Hydra spells them."""


@dataclass
class Sorted:
    """The cells of a sweep.

    Attributes:
        cells: how many there are; 0 if that is not known.
        settled: those that are finished or were skipped, whole, with what their study notes of them.
        sound: those whose configs are known to compose.
        states: how many there are of each state.
    """

    cells: int
    settled: dict[Cell, End] = field(default_factory=dict)
    sound: set[Cell] = field(default_factory=set)
    states: Counter[State] = field(default_factory=Counter)

    def describe(self) -> str:
        """The numbers of cells by state, in words."""
        counts = {state: self.states[state] for state in State if self.states[state]}
        told = ", ".join(f"{count} {state.value.lower()}" for state, count in counts.items())
        return f"{self.cells} cells: {told}"


def sort_out(line: CommandLine, known: Known) -> Sorted:
    """Sort the cells that Hydra will sweep over by their states; a damaged one, and one that is wrong, needs a run to say so."""
    cells = line.list_cells()
    found = Sorted(len(cells))
    configs = resolve_cells(line.name, line.config_dir, cells, line.cache)
    with closing(configs), suppress(MitofmError):  # Hydra says what is wrong with a config, before the first cell
        for cell, config in zip(cells, configs, strict=False):
            found.sound.add(tuple(cell))
            state, name = State.TO_DO, ""
            with suppress(MitofmError):  # its run tells
                settings = known.read(config)
                name = known.identify(settings).folder_name
                state = read_state(settings, name)
            found.states[state] += 1
            if state in SETTLED:
                found.settled[tuple(cell)] = End(name, state, read_choices(cell))
    return found


_left_out: Collection[Cell] = ()
_sound: Collection[Cell] = ()


@contextmanager
def leaving_out(found: Sorted) -> Iterator[None]:
    """In the block Hydra sweeps over the other cells only."""
    global _left_out, _sound
    _left_out, _sound = found.settled, found.sound
    try:
        yield
    finally:
        _left_out, _sound = (), ()


def pick_left(cells: Sequence[Sequence[str]]) -> list[list[str]]:
    """Those of `cells` that a launcher is to run."""
    return [list(cell) for cell in cells if tuple(cell) not in _left_out]


def pick_unsure(cells: Sequence[Sequence[str]]) -> list[Any]:
    """Those of `cells` of which it is not known whether they compose."""
    return [cell for cell in cells if tuple(cell) not in _sound]
