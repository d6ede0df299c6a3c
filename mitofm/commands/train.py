"""`mitofm train`: one cell, or with -m a grid of them."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import hydra
from hydra._internal import utils as hydra_utils
from hydra.core.hydra_config import HydraConfig
from hydra.errors import CompactHydraException
from hydra.types import RunMode
from omegaconf import DictConfig

from mitofm.commands.composing import recalling
from mitofm.commands.composing.command_line import GRIDS, CommandLine, read_arguments, read_choices, read_command_line
from mitofm.commands.composing.compose import quote_study, register_user_configs
from mitofm.commands.sweeping.ended_cells import SWEEPER, Sorted, leaving_out, sort_out
from mitofm.commands.sweeping.launching import check_grid, claim_place, refuse_grid_without_m
from mitofm.commands.sweeping.search_check import check_search
from mitofm.ground import below
from mitofm.ground.config import conf_dir
from mitofm.ground.errors import MitofmError, describe_fault, describe_unforeseen, wants_traceback
from mitofm.ground.home import ensure_home
from mitofm.ground.terminal import guard_terminal, tell
from mitofm.runs.books import studies
from mitofm.runs.execute import run
from mitofm.runs.folder import CellFolder, State
from mitofm.runs.foresight import Tried, warn_of_one_seed
from mitofm.runs.identity import Known, identify
from mitofm.runs.objective import read_objective
from mitofm.runs.pace import choose_cells_per_job
from mitofm.runs.progress import show_progress
from mitofm.runs.resolve import resolve
from mitofm.runs.status import list_failures
from mitofm.training.settings import Settings

_elsewhere: list[DictConfig] = []  # cells that another process was running at their turn


def main(arguments: list[str]) -> None:
    """Check every value of the command line, then hand over to Hydra, which runs one cell or a grid."""
    parsed, ordered = read_arguments(quote_study(arguments))
    sys.argv = ["mitofm train", *ordered]
    register_user_configs()
    command = hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="train")(_run_cell)
    if parsed.help or parsed.hydra_help or parsed.cfg or parsed.info or parsed.shell_completion:
        command()
        return
    _elsewhere.clear()  # of an earlier command in this process, which was stopped before it came to them
    line = read_command_line(parsed.config_name or "train", parsed.overrides, parsed.config_dir, parsed.multirun)
    refuse_grid_without_m(line)
    known = Known()
    told: Counter[str] = Counter()
    cells = check_grid(line, known=known, count=told)
    search = check_search(line, cells, Tried(known))
    settings = cells[-1]
    runs, study = settings.paths.runs, settings.study
    below.check(runs / "hydra").mkdir(parents=True, exist_ok=True)  # Hydra would end in a traceback if it cannot
    studies.state_comparisons(runs, study, settings.config.get("comparisons"))
    if line.multirun and not line.draws:
        studies.note_grid(runs, study, *line.grid)
        if line.size > 1 and (warning := warn_of_one_seed(cells)):
            tell(f"mitofm: {warning}; `mitofm plan` says what else cannot be decided", file=sys.stderr)
    try:
        with show_progress(runs, study, search.size if search else line.size if line.multirun else 1):
            if not line.multirun and line.swept_by_hydra is not None and not told["declined"]:
                recalling.keep_command(arguments, settings.config, read_choices(line.swept_by_hydra))
            found = _sort_out(line, known, runs, study)
            if found.cells and line.multirun:
                sys.argv.append(f"hydra.sweeper._target_={SWEEPER}")
            if line.launcher == "slurm" and line.launches.cells_per_job is None:
                sys.argv.append(f"hydra.launcher.cells_per_job={choose_cells_per_job(runs, cells)}")
            if found.cells > len(found.settled) or not found.cells:
                with leaving_out(found), _one_line():
                    command()
            while _elsewhere:
                run(_elsewhere.pop(0))
    finally:
        for failure in list_failures(runs, study) if line.multirun else ():
            tell(failure, file=sys.stderr)


def _sort_out(line: CommandLine, known: Known, runs: Path, study: str) -> Sorted:
    """Tell and note the cells that had ended before."""
    found = sort_out(line, known)
    studies.note_ends(runs, study, found.settled.values())
    for one in found.settled.values():
        tell(f"{one.state.value:7} {one.cell} (already)")
    if line.multirun and found.cells:
        tell(f"mitofm: {study}: {found.describe()}", file=sys.stderr)
    return found


def _run_cell(config: DictConfig) -> float | None:
    """Run a cell; its validation AUROC, for a sweeper that chooses by what cells give."""
    ensure_home()
    guard_terminal()  # of a process that another program has started
    try:
        draws = HydraConfig.get().sweeper._target_ not in GRIDS
        in_turn = claim_place(config) and not draws
        typed = read_choices(HydraConfig.get().overrides.task)
        state = run(config, wait=not in_turn, chosen=typed)
        if state is State.RUNNING:
            _elsewhere.append(config)
        if draws and HydraConfig.get().mode is RunMode.MULTIRUN and state is State.DONE:
            settings = Settings.read(resolve(config))
            return read_objective(CellFolder(settings.paths.runs, identify(settings).folder_name).path)
    except (MitofmError, OSError) as error:
        if config.on_error == "raise" or HydraConfig.get().mode is RunMode.RUN:
            tell(f"mitofm: {describe_fault(error)}", file=sys.stderr)
            raise SystemExit(2) from error
        # Hydra shows this class without a traceback, runs the other cells and ends with a code that is not 0.
        raise CompactHydraException(f"mitofm: {describe_fault(error)}") from error
    except Exception as error:  # its traceback is in FAILED, if the cell came so far
        if wants_traceback():
            if config.on_error == "raise":
                sys.excepthook(*sys.exc_info())
                raise SystemExit(1) from None
            raise
        if config.on_error == "raise" or HydraConfig.get().mode is RunMode.RUN:
            tell(f"mitofm: {describe_unforeseen(error)}", file=sys.stderr)
            raise SystemExit(1) from error
        raise CompactHydraException(f"mitofm: {describe_unforeseen(error)}") from error
    return None


@contextmanager
def _one_line() -> Iterator[None]:
    """Let Hydra raise its errors, of which it would print the traceback, and tell those that it shows without one."""
    if wants_traceback():
        yield
        return
    before = hydra_utils.run_and_report
    hydra_utils.run_and_report = lambda func: func()
    try:
        yield
    except CompactHydraException as error:
        tell(*str(error).splitlines(), file=sys.stderr)
        raise SystemExit(1) from error
    finally:
        hydra_utils.run_and_report = before
