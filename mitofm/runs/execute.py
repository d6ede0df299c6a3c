"""Runs one cell: names it, skips it if it is done, else fits it under a lock and notes how it ended.

Torch and Lightning are imported only to fit a cell: skipping a finished one costs a fraction of a second.
"""

from __future__ import annotations

import logging
import os
import socket
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from mitofm.ground import below
from mitofm.ground.errors import Infeasible, MitofmError
from mitofm.ground.files import guarding, holds, remove, write_text
from mitofm.ground.fingerprints import Remembered
from mitofm.ground.locks import Held, Lost, lock
from mitofm.ground.terminal import EscapedFormatter, escape
from mitofm.runs import sums
from mitofm.runs.books import studies
from mitofm.runs.contributions import keep_contribution
from mitofm.runs.folder import SETTLED, CellFolder, DamagedCell, State, check_sums, read_config
from mitofm.runs.identity import Identified, Known, identify
from mitofm.runs.resolve import resolve
from mitofm.training.attempts import Attempt, attempt
from mitofm.training.settings import Paths, Settings

_log = logging.getLogger(__name__)


def check(config: Mapping[str, Any], known: Known | None = None, attempt: Attempt = attempt) -> Settings:
    """Read and check a resolved config. Whether the model can be built, which takes seconds, is not tried for a finished cell.

    `known` has what was read of the other cells of the command, `attempt` builds parts of models.

    Raises:
        MitofmError: the first thing that is wrong, with what exists.
    """
    known = known or Known()
    settings = known.read(config)
    settled = False
    with suppress(MitofmError):  # its weights may be absent
        if settings.dataset.present():
            settled = CellFolder(settings.paths.runs, known.identify(settings).folder_name).read_state() in SETTLED
    if not settled:
        with suppress(Infeasible):  # such a cell is skipped when it runs
            settings.check_model(attempt)
    return settings


def run(composed: DictConfig, wait: bool = True, chosen: Mapping[str, str] | None = None) -> State:
    """Run the cell that a composed config asks for, unless it is done.

    A failed cell is retried, an interrupted one resumed. What failed is left in FAILED and raised.

    Args:
        composed: the config.
        wait: wait for another process that runs this cell; else return RUNNING at once.
        chosen: the choices of the command, as in `studies.note_grid`.

    Raises:
        DamagedCell: it is done, and a file of it is not the one that it was finished with.
        MitofmError: any other problem that the user can mend.
        Exception: any other problem of fitting.
    """
    settings = Settings.read(resolve(composed))
    return _start(settings, identify(settings), wait, chosen)


def run_again(place: Path, paths: Paths) -> State:
    """Run the cell in the folder `place` from its own config, with this machine's `paths`; if it is done, only if it is damaged.

    Raises:
        MitofmError: as `run`; or the config asks for another cell under this version of mitofm or with these files.
    """
    settings = Settings.read(read_config(place) | {"paths": paths.plain()})
    cell = identify(settings)
    if cell.folder_name != place.name:
        raise MitofmError(
            f"{place}: its config now asks for another cell, {cell.folder_name} (the data, the weights or mitofm have "
            "changed): start its study again"
        )
    if find_damage(place) is not None:
        folder = CellFolder(paths.runs, place.name)
        with lock(folder.lock) as held, guarding(folder.path, held.require):
            remove(folder.path / State.DONE.value)
    return _start(settings, cell, wait=True)


def find_damage(place: Path, remembered: Remembered | None = None) -> DamagedCell | None:
    """What is damaged of the cell in the folder `place`; None if it is whole, unchecked or not done; `remembered` as in `check_sums`."""
    try:
        check_sums(place, remembered)
    except DamagedCell as damaged:
        return damaged
    return None


def _start(settings: Settings, cell: Identified, wait: bool, chosen: Mapping[str, str] | None = None) -> State:
    """As `run`, for a cell that is identified."""
    runs, study = settings.paths.runs, settings.study
    folder = CellFolder(runs, cell.folder_name)
    state = folder.read_state()
    if state in SETTLED:
        try:
            if state is State.DONE:
                check_sums(folder.path, Remembered(settings.paths.cache / "fingerprints"))
        except DamagedCell as damaged:  # not run again before somebody has seen it
            _log.error("DAMAGED %s: %s", cell.folder_name, damaged.reason)
            studies.note_end(runs, study, cell.folder_name, State.FAILED, fitted=False, chosen=chosen)
            raise
        _log.info("%-7s %s (already)", state.value, cell.folder_name)
        studies.note_end(runs, study, cell.folder_name, state, fitted=False, chosen=chosen)
        return state
    with suppress(Infeasible):  # fitting raises it again, and the cell is skipped
        settings.check_model()
    studies.enlist(runs, study, cell.folder_name, chosen)
    try:
        with lock(folder.lock, wait) as held, guarding(folder.path, held.require):
            state = _run(settings, cell, folder)
    except Held as reason:
        _log.info("RUNNING %s: %s", cell.folder_name, reason)
        return State.RUNNING
    except Lost:  # the cell is another process's: nothing is noted of it here
        raise
    except Exception:
        studies.note_end(runs, study, cell.folder_name, State.FAILED, fitted=True)
        raise
    studies.note_end(runs, study, cell.folder_name, state, fitted=True)
    return state


def _run(settings: Settings, cell: Identified, folder: CellFolder) -> State:
    """As `run`, under the cell's lock."""
    if (state := folder.read_state()) in SETTLED:  # another process held the lock before
        return state
    remove(folder.path / State.FAILED.value)
    write_text(folder.path / "config.yaml", OmegaConf.to_yaml(OmegaConf.create(dict(settings.config))))
    started = time.perf_counter()
    with _log_to(folder.path / sums.LOG):
        try:
            from mitofm.training.fit import fit_cell

            metrics = fit_cell(settings, cell.id, cell.weights, folder.path)
        except Infeasible as reason:
            folder.mark(State.SKIPPED, f"{escape(reason)}\n")
            _log.info("SKIPPED %s: %s", cell.folder_name, reason)
            return State.SKIPPED
        except Lost:
            raise
        except Exception as error:
            with suppress(OSError):  # the disk is full: then the cell counts as interrupted
                folder.mark(State.FAILED, escape(traceback.format_exc(), lines=True))
            _log.error("FAILED  %s: %s: %s", cell.folder_name, type(error).__name__, error)
            raise
        folder.mark(State.DONE, sums.take(folder.path))
        keep_contribution(folder.path, settings.paths.cache)  # a report of many cells has no time to measure each
        auroc = metrics["sets"]["all"]["auroc"]
        shown = f"AUROC {auroc:.3f}" if auroc is not None else "one class in test"
        _log.info("DONE    %s  %s  %.0f s", cell.folder_name, shown, time.perf_counter() - started)
    return State.DONE


@contextmanager
def _log_to(file: Path) -> Iterator[None]:
    """Append to `file`, with the time, what is logged in the block."""
    handler = logging.FileHandler(below.check(file), encoding="utf-8", delay=True)
    handler.setFormatter(EscapedFormatter("%(asctime)s %(levelname)s %(message)s"))
    handler.addFilter(lambda _: holds(file))
    logging.getLogger().addHandler(handler)
    try:
        here = {"name": __name__, "levelname": "INFO", "msg": f"process {os.getpid()} on {socket.gethostname()}"}
        handler.emit(logging.makeLogRecord(here))
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()
