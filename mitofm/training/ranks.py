"""One cell on several devices of this machine: a process for each, as long as training lasts.

The cell's own process only waits for them. So whatever starts it (a command line, a sweep, Slurm) starts one process per
cell, the lock of the cell has one holder, and where one rank fails the others are ended instead of waiting for it forever.
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
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from pytorch_lightning.loggers.logger import Logger

from mitofm.ground.errors import MitofmError
from mitofm.training.callbacks import SaveToResume
from mitofm.training.copies import Copies

_PATIENCE = 60  # seconds that ranks which are to end may take to save their state


def together(world: int, work: Callable[[int, Logger], Any], copies: Copies) -> Any:
    """What `work(rank, logger)` returns in rank 0, done by `world` processes that find each other as Lightning's do.

    Args:
        world: how many.
        work: pickled; what it returns too. Rank 0's is returned, or None as soon as any rank returns None.
        copies: where the logger of rank 0 passes on what it is given.

    Raises:
        Exception: what a rank has raised.
        MitofmError: a rank has died.
    """
    context = get_context("spawn")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1]), "WORLD_SIZE": str(world)}
    pipes: dict[Connection, BaseProcess] = {}
    try:
        for rank in range(world):
            receiving, sending = context.Pipe(duplex=False)
            process: BaseProcess = context.Process(
                target=_rank, args=(rank, meeting, sending, work), name=f"rank {rank}"
            )
            process.start()
            sending.close()
            pipes[receiving] = process
        with _passed_on(list(pipes.values())):
            return _result(pipes, copies)
    finally:
        for process in pipes.values():
            process.terminate()  # nothing where it has ended
        for process in pipes.values():
            process.join(_PATIENCE)
            process.kill()


def _result(pipes: Mapping[Connection, BaseProcess], copies: Copies) -> Any:
    """Listen to the ranks until all have ended."""
    results: dict[str, Any] = {}
    while len(results) < len(pipes):
        for pipe in wait([pipe for pipe, process in pipes.items() if process.name not in results]):
            assert isinstance(pipe, Connection)
            name = pipes[pipe].name
            try:
                kind, *content = pipe.recv()
            except EOFError:
                pipes[pipe].join(_PATIENCE)
                code = pipes[pipe].exitcode or 0
                if code > 128:  # asked to stop, and it has saved
                    raise SystemExit(code) from None
                raise MitofmError(f"{name} of trainer.devices={len(pipes)} died with exit code {code}") from None
            if kind == "log":
                copies.log(*content)
            elif kind == "error":
                raise content[0]
            elif content[0] is None:
                return None
            else:
                results[name] = content[0]
    return results["rank 0"]


def _rank(rank: int, meeting: Mapping[str, str], pipe: Connection, work: Callable[[int, Logger], Any]) -> None:
    """The life of a rank."""
    os.environ.update({**meeting, "LOCAL_RANK": str(rank), "NODE_RANK": "0"})
    try:
        pipe.send(("end", work(rank, Copies([lambda: _Sent(pipe)] if rank == 0 else []).lightning_logger())))
    except KeyboardInterrupt:
        raise SystemExit(128 + signal.SIGINT) from None
    except Exception as error:
        pipe.send(("error", _sendable(error)))


def _sendable(error: Exception) -> Exception:
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301  our own, just written
    except Exception:
        return RuntimeError("".join(traceback.format_exception(error)))
    error.add_note("".join(traceback.format_exception(error)))
    return error


@contextmanager
def _passed_on(ranks: list[BaseProcess]) -> Iterator[None]:
    """Pass signals that ask to stop on to the ranks, which save and end; then do what was done about them before."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked: list[signal.Signals] = []

    def ask(number: int, frame: Any) -> None:
        asked.append(signal.Signals(number))
        for rank in ranks:
            if rank.is_alive() and rank.pid:
                os.kill(rank.pid, number)

    before = {number: signal.signal(number, ask) for number in SaveToResume.SIGNALS}
    try:
        yield
    except Exception as error:  # a rank dies of the signal as long as it does not listen
        if asked:
            raise SystemExit(128 + asked[0]) from error
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if asked and callable(handler := before[asked[0]]):
            handler(asked[0], None)


class _Sent:
    """Sends the learning curves to the cell's own process."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        self._pipe.send(("log", dict(metrics), step))

    def finish(self, *_: Any) -> None:
        """Nothing: the cell's own process does."""

    def close(self, failed: bool) -> None:
        """Nothing is held open."""
