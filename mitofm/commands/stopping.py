"""How a sweep of hydra/launcher=local is told to stop: what its processes have begun is saved, and nothing more begins."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import parent_process
from multiprocessing.process import BaseProcess
from typing import Any

_ASKING = (signal.SIGTERM, signal.SIGINT)
_AGAIN = 10  # seconds after which who has not ended is asked again: between two cells nobody may have listened


@contextmanager
def stoppable() -> Iterator[None]:
    """Where this process is asked to stop in the block, ask the processes of its launcher, wait for them, end with 128 + signal.

    Asked a second time, end them as they are.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard = [number for number in _ASKING if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, _stop) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def leave_to_parent() -> None:
    """In a process of the launcher: a Ctrl-C, which reaches all processes of a terminal, is the business of the first."""
    if parent_process() is not None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def end_if_asked(code: Any) -> None:
    """In a process of the launcher whose cell was told to stop and has saved: end, where joblib would begin the next."""
    if parent_process() is not None and isinstance(code, int) and code > 128:
        logging.shutdown()
        sys.stderr.flush()
        os._exit(code)


def _stop(number: int, frame: Any) -> None:
    workers = _workers()
    saves = signal.getsignal(signal.SIGTERM)
    if not workers and callable(saves) and saves is not _stop:  # n_jobs=1: the cell is trained in this process
        saves(signal.SIGTERM, frame)
        return

    def at_once(*_: Any) -> None:
        for one in workers:
            one.kill()

    for again in _ASKING:
        signal.signal(again, at_once)
    if workers:
        name = signal.Signals(number).name
        print(f"mitofm: {name}: {len(workers)} processes save and stop; again ends them at once", file=sys.stderr)
    while alive := [one for one in workers if one.is_alive()]:
        for one in alive:
            one.terminate()
        until = time.monotonic() + _AGAIN
        for one in alive:
            one.join(max(0.0, until - time.monotonic()))
    raise SystemExit(128 + number)


def _workers() -> list[BaseProcess]:
    """The processes of the launcher, which joblib from now on does not kill as soon as the first has ended."""
    from joblib.externals.loky import reusable_executor

    executor = reusable_executor._executor
    if executor is None or executor._executor_manager_thread is None:
        return []
    executor._executor_manager_thread.kill_workers = lambda reason="": None
    return list((executor._processes or {}).values())
