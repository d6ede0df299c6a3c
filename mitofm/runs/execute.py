"""Run one cell: name it, skip it if it is done, otherwise fit it under a lock and say how it ended.

Torch and Lightning are imported only where a cell is fitted: skipping a done one costs a fraction of a second.
"""

from __future__ import annotations

import logging
import time
import traceback
from pathlib import Path

from filelock import FileLock
from omegaconf import DictConfig, OmegaConf

from mitofm.errors import Infeasible
from mitofm.files import write_text
from mitofm.runs import studies
from mitofm.runs.checks import check
from mitofm.runs.folder import CellFolder, State
from mitofm.runs.identity import identify
from mitofm.runs.resolve import resolve

_log = logging.getLogger(__name__)


def run(composed: DictConfig) -> State:
    """Run the cell that a composed config asks for, unless it is done.

    A failed cell is retried, an interrupted one resumed. What failed is left in FAILED and raised.

    Raises:
        MitofmError: the user can mend it.
        Exception: anything else that went wrong while fitting.
    """
    config = resolve(composed)
    check(config)
    cell = identify(config)
    runs = Path(config["paths"]["runs"])
    folder = CellFolder(runs, cell.folder_name)
    studies.enlist(runs, config["study"], cell.folder_name)
    if folder.state() in (State.DONE, State.SKIPPED):
        _log.info("%-7s %s (already)", folder.state().value, cell.folder_name)
        return folder.state()

    folder.lock.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.lock):
        if folder.state() in (State.DONE, State.SKIPPED):  # by whoever held the lock
            return folder.state()
        (folder.path / State.FAILED.value).unlink(missing_ok=True)
        write_text(folder.path / "config.yaml", OmegaConf.to_yaml(OmegaConf.create(config)))
        started = time.perf_counter()
        try:
            from mitofm.training.fit import fit_cell

            metrics = fit_cell(config, cell.id, cell.dataset, cell.weights, folder.path)
        except Infeasible as reason:
            folder.mark(State.SKIPPED, f"{reason}\n")
            _log.info("SKIPPED %s: %s", cell.folder_name, reason)
            return State.SKIPPED
        except Exception:
            folder.mark(State.FAILED, traceback.format_exc())
            _log.error("FAILED  %s", cell.folder_name)
            raise
        folder.mark(State.DONE)
    auroc = metrics["sets"]["all"]["auroc"]
    shown = f"AUROC {auroc:.3f}" if auroc is not None else "one class in test"
    _log.info("DONE    %s  %s  %.0f s", cell.folder_name, shown, time.perf_counter() - started)
    return State.DONE
