"""Runs cells in parallel processes of this machine (`hydra/launcher=local`), and stops all of them together."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor, as_completed, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from multiprocessing import active_children, get_context, parent_process
from queue import SimpleQueue
from typing import Any

from mitofm.backbones import weights
from mitofm.ground.errors import MitofmError
from mitofm.ground.garbage import collect_rarely
from mitofm.ground.terminal import guard_terminal, tell

_ASKING = (signal.SIGTERM, signal.SIGINT)
_PATIENCE = 8  # seconds that a process whose parent has died may take to save
_AGAIN = 3  # seconds after which a process that goes on is asked to stop again: between two cells it may not listen


def run_all(
    run: Callable[[Any], Any], cells: Sequence[Any], processes: int, stop_at_error: bool, kind: str = "cell"
) -> list[Any]:
    """Call `run` for every cell, in processes that each run several cells, because imports take seconds.

    Each process is a pool of its own: one that dies is replaced, and only its own cell is lost.

    `run` must be picklable. With `stop_at_error` the first exception ends this process with code 1. `kind` is what messages
    call a cell.

    Returns:
        For each cell its result, or the exception that it raised.

    Raises:
        SystemExit: with 128 + signal after SIGTERM or Ctrl-C, or with the code of a `run` that raised SystemExit. No
            further cell is begun, and those under way have been told by SIGTERM to save and have ended.
    """
    told = frozenset(weights.said)
    new_pool = partial(ProcessPoolExecutor, 1, get_context("spawn"), initializer=_prepare_process, initargs=(told,))
    pools: SimpleQueue[ProcessPoolExecutor] = SimpleQueue()
    for _ in cells[:processes]:
        pools.put(new_pool())

    def run_one(cell: Any) -> Any:
        pool = pools.get()
        try:
            return pool.submit(run, cell).result()
        except BrokenProcessPool:
            pool = new_pool()
            return MitofmError(f"the process of {kind} {cell} died (out of memory?): the same command goes on with it")
        except Exception as error:
            return error
        finally:
            pools.put(pool)

    futures: list[Future[Any]] = []
    with _raise_when_told_to_stop(), ThreadPoolExecutor(processes) as threads:
        try:
            futures += (threads.submit(run_one, cell) for cell in cells)
            for future in as_completed(futures):
                if isinstance(error := future.result(), Exception):
                    tell(f"mitofm: {error}", file=sys.stderr)
                    if stop_at_error:
                        raise SystemExit(1)
        except SystemExit:
            threads.shutdown(wait=False, cancel_futures=True)
            while busy := [future for future in futures if future.running()]:
                for process in active_children():
                    process.terminate()
                wait(busy, _AGAIN)
            raise
        finally:
            while not pools.empty():
                pools.get().shutdown()
    return [future.result() for future in futures]


def _prepare_process(told: Collection[str]) -> None:
    """Ignore Ctrl-C, which the parent handles, end soon if the parent dies, and do not name the weights that it has named."""
    weights.said.update(told)
    collect_rarely()
    guard_terminal()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_stop_after_parent, daemon=True).start()


def _stop_after_parent() -> None:
    """Ask this process to save and stop when its parent has died; the system ends it if it has not done so in time."""
    parent_process().join()  # type: ignore[union-attr]
    signal.alarm(_PATIENCE)  # kills without Python's help: the main thread may be in a step of minutes, or deaf
    while True:
        signal.raise_signal(signal.SIGTERM)
        time.sleep(_AGAIN)


@contextmanager
def _raise_when_told_to_stop() -> Iterator[None]:
    """Raise SystemExit in the block at the first SIGTERM or Ctrl-C; at the second, kill the other processes."""

    def kill(number: int, frame: Any) -> None:
        for process in active_children():
            process.kill()

    def stop(number: int, frame: Any) -> None:
        for again in _ASKING:
            signal.signal(again, kill)
        told = f"{len(active_children())} processes save and stop; again ends them at once"
        print(f"mitofm: {signal.Signals(number).name}: {told}", file=sys.stderr)
        raise SystemExit(128 + number)

    before = {each: signal.signal(each, stop) for each in _ASKING if signal.getsignal(each) is not signal.SIG_IGN}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
