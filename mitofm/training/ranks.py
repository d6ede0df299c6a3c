"""One cell on several devices of this machine: one process for each, for the time of training.

The cell's own process only waits for them. So whatever starts it (a command line, a sweep, Slurm) starts one process per
cell, the lock of the cell has one holder, and if one rank fails the others are ended instead of waiting for it forever.
"""

from __future__ import annotations

import mitofm.ground.torchvision_shim  # noqa: F401  before anything imports torchvision

# isort: split

import os
import pickle
import signal
import socket
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from mitofm.ground.errors import MitofmError
from mitofm.training.callbacks import SaveToResume
from mitofm.training.copies.metric_copies import Copies, Sink

_PATIENCE = 60  # seconds that ranks which are asked to end may take to save their state


def run_ranks(world: int, work: Callable[[int, Copies], Any], copies: Copies) -> Any:
    """Call `work(rank, logger)` in `world` processes that find each other as Lightning's do, and return rank 0's result.

    Args:
        world: number of processes.
        work: can be pickled, as can its results. If a rank returns None, None is returned at once and the others are ended.
        copies: receives what rank 0 logs.

    Raises:
        Exception: the error of a rank.
        MitofmError: a rank has died.
        SystemExit: the ranks were asked to stop, and have saved.
    """
    context = get_context("spawn")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1]), "WORLD_SIZE": str(world)}
    ranks: dict[Connection, BaseProcess] = {}
    try:
        for rank in range(world):
            receiving, sending = context.Pipe(duplex=False)
            args = (rank, address, sending, work)
            process: BaseProcess = context.Process(target=_run_rank, args=args, name=f"rank {rank}")
            process.start()
            sending.close()
            ranks[receiving] = process
        with _forward_signals(ranks.values()):
            return _wait_for_result(ranks, copies)
    finally:
        for process in ranks.values():
            process.terminate()  # does nothing to a rank that has ended
        for process in ranks.values():
            process.join(_PATIENCE)
            process.kill()


def _wait_for_result(ranks: Mapping[Connection, BaseProcess], copies: Copies) -> Any:
    """Receive messages until all ranks have ended; see `run_ranks`."""
    results: dict[str, Any] = {}
    while len(results) < len(ranks):
        for pipe in wait([pipe for pipe, process in ranks.items() if process.name not in results]):
            assert isinstance(pipe, Connection)
            process = ranks[pipe]
            try:
                kind, *content = pipe.recv()
            except EOFError:
                process.join(_PATIENCE)
                code = process.exitcode or 0
                if code > 128:  # it was asked to stop, and has saved
                    raise SystemExit(code) from None
                raise MitofmError(
                    f"{process.name} of trainer.devices={len(ranks)} died with exit code {code}"
                ) from None
            if kind == "log":
                copies.log(*content)
            elif kind == "error":
                raise content[0]
            elif content[0] is None:
                return None
            else:
                results[process.name] = content[0]
    return results["rank 0"]


def _run_rank(rank: int, address: Mapping[str, str], pipe: Connection, work: Callable[[int, Copies], Any]) -> None:
    """The main function of the process of a rank."""
    os.environ.update({**address, "LOCAL_RANK": str(rank), "NODE_RANK": "0"})
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        pipe.send(("end", work(rank, Copies([lambda: _PipeSink(pipe)] if rank == 0 else []))))
    except Exception as error:
        pipe.send(("error", _make_picklable(error)))


def _make_picklable(error: Exception) -> Exception:
    """`error` with its traceback as a note; a RuntimeError with that text if `error` cannot be pickled."""
    text = "".join(traceback.format_exception(error))
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301  our own, just written
    except Exception:
        return RuntimeError(text)
    error.add_note(text)
    return error


@contextmanager
def _forward_signals(ranks: Iterable[BaseProcess]) -> Iterator[None]:
    """Send signals that ask to stop to the ranks, which save and end; then call the earlier handler.

    Ctrl-C reaches all processes of a terminal: ranks ignore it, so that they get one signal, and are sent SIGTERM for it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[signal.Signals] = []

    def forward(number: int, frame: Any) -> None:
        received.append(signal.Signals(number))
        if received.count(signal.SIGINT) > 1:
            raise KeyboardInterrupt  # again: at once
        for rank in ranks:
            if rank.is_alive() and rank.pid:
                os.kill(rank.pid, signal.SIGTERM if number == signal.SIGINT else number)

    handlers = {number: signal.signal(number, forward) for number in SaveToResume.SIGNALS}
    try:
        yield
    except (Exception, SystemExit) as error:  # a rank that does not handle signals yet dies of them
        if received:
            raise SystemExit(128 + received[0]) from error
        raise
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        handler = handlers[received[0]] if received else None
        if callable(handler) and handler is not signal.default_int_handler:
            handler(received[0], None)


class _PipeSink(Sink):
    """Sends the learning curves to the cell's own process."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        self._pipe.send(("log", dict(metrics), step))
