"""`mitofm plan [arguments of train]`: what a command would run and what it cannot decide, before it runs."""

from __future__ import annotations

from mitofm.commands.composing.command_line import read_arguments, read_command_line
from mitofm.commands.sweeping.launching import check_grid, refuse_grid_without_m
from mitofm.commands.sweeping.search_check import check_search
from mitofm.ground.terminal import tell
from mitofm.reporting.undecidable import list_undecidable
from mitofm.runs.foresight import Tried, foresee, remember_lines
from mitofm.runs.identity import Known
from mitofm.runs.settled import list_marks
from mitofm.training.attempts import attempting_apart


def main(arguments: list[str]) -> None:
    """Print cells by state, time and disk, and what the design cannot decide; nothing is trained, and only new data is opened."""
    parsed, _ = read_arguments(arguments)
    line = read_command_line(parsed.config_name or "train", parsed.overrides, parsed.config_dir, parsed.multirun)
    refuse_grid_without_m(line)
    known = Known()
    with attempting_apart() as attempt:  # torch, with what builds models, takes twice the memory of all else
        cells, tried = check_grid(line, every_cell=not line.draws, known=known, attempt=attempt), Tried(known)
    if line.draws:
        search = check_search(line, cells, tried)
        tell(search.describe() if search else f"{line.sweeper._target_} draws the cells: no more is known of them")
        return
    tell(*foresee(cells, tried))
    at_once = line.launches.get("array_parallelism") or line.launches.get("n_jobs", 1)
    tell(f"by: hydra/launcher={line.launcher}, {at_once} at once" if line.multirun else "by: one cell")
    runs, study = cells[0].paths.runs, cells[0].study
    tell(
        *remember_lines(
            "undecidable", cells, tried, lambda: list_undecidable(cells, tried), study, list_marks(runs, study)
        )
    )
