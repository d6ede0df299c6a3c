"""Copies of what a cell records, for people to watch: learning curves as CSV, a run in W&B. They can never fail a cell."""

from __future__ import annotations

import mitofm.ground.torchvision_shim  # noqa: F401  before anything imports torchvision

# isort: split

import csv
import logging
import threading
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Protocol

import pandas as pd
from pytorch_lightning.loggers.logger import Logger

_log = logging.getLogger(__name__)


class Sink(Protocol):
    """Somewhere a copy goes."""

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Record one point of the learning curves."""
        ...

    def finish(self, metrics: Mapping[str, Any], predictions: pd.DataFrame) -> None:
        """Record the results of a finished cell."""
        ...

    def close(self, failed: bool) -> None:
        """Let go, whatever has happened."""
        ...


class Copies:
    """Passes everything on to its sinks; one that raises is dropped with a warning.

    Args:
        openers: give the sinks; one that cannot be opened is left out with a warning.
    """

    def __init__(self, openers: list[Callable[[], Sink]]) -> None:
        self._sinks: list[Sink] = []
        for opener in openers:
            self._guard(partial(self._open, opener), "a logger")

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Pass on one point of the learning curves."""
        self._each(lambda sink: sink.log(metrics, step))

    def finish(self, metrics: Mapping[str, Any], predictions: pd.DataFrame) -> None:
        """Pass on the results."""
        self._each(lambda sink: sink.finish(metrics, predictions))

    def close(self, failed: bool) -> None:
        """Close every sink."""
        self._each(lambda sink: sink.close(failed))

    def lightning_logger(self) -> Logger:
        """What Lightning logs to."""
        return _ForLightning(self)

    def _open(self, opener: Callable[[], Sink]) -> None:
        self._sinks.append(opener())

    def _each(self, action: Callable[[Sink], None]) -> None:
        for sink in list(self._sinks):
            if not self._guard(partial(action, sink), getattr(sink, "name", type(sink).__name__)):
                self._sinks.remove(sink)

    def _guard(self, action: Callable[[], None], name: str) -> bool:
        try:
            action()
        except Exception as error:
            _log.warning(
                "%s gave up (%s: %s); the cell goes on, its own files are complete", name, type(error).__name__, error
            )
            return False
        return True


class InTime:
    """A sink in a thread of its own: it holds up nothing but the end of a cell, and that for `seconds` at most.

    Args:
        opener: gives the sink.
        name: of the sink, in warnings.
        seconds: how long the end of the cell waits for what the sink has not done yet.

    Raises:
        Exception: what the sink has raised, at the next call.
    """

    def __init__(self, opener: Callable[[], Sink], name: str, seconds: float) -> None:
        self.name = name
        self._seconds = seconds
        self._calls: SimpleQueue[Callable[[Sink], None]] = SimpleQueue()
        self._error: Exception | None = None
        self._failed = True
        self._thread = threading.Thread(target=self._work, args=(opener,), daemon=True)
        self._thread.start()

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Pass on one point of the learning curves."""
        held = dict(metrics)
        self._call(lambda sink: sink.log(held, step))

    def finish(self, metrics: Mapping[str, Any], predictions: pd.DataFrame) -> None:
        """Pass on the results."""
        self._call(lambda sink: sink.finish(metrics, predictions))

    def close(self, failed: bool) -> None:
        """Wait for the sink to let go, but not for long."""
        self._failed = failed
        self._calls.put(_last)
        self._thread.join(self._seconds)
        if self._thread.is_alive():
            raise TimeoutError(f"it has not ended after {self._seconds:.0f} s and is left behind")
        self._raise()

    def _call(self, call: Callable[[Sink], None]) -> None:
        self._raise()
        self._calls.put(call)

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _work(self, opener: Callable[[], Sink]) -> None:
        try:
            sink = opener()
            try:
                while (call := self._calls.get()) is not _last:
                    call(sink)
            except Exception as error:
                self._error = error
                while self._calls.get() is not _last:
                    pass
            sink.close(self._failed)
        except Exception as error:
            self._error = self._error or error


def _last(sink: Sink) -> None:
    """Nothing is called after this."""


class Curves:
    """Learning curves as rows `step, metric, value`; a resumed cell goes on in the same file.

    Args:
        file: the CSV file.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Append one row per metric."""
        new = not self._file.exists()
        with self._file.open("a", newline="") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(["step", "metric", "value"])
            writer.writerows([step, name, value] for name, value in metrics.items() if name != "epoch")

    def finish(self, metrics: Mapping[str, Any], predictions: pd.DataFrame) -> None:
        """Nothing: results are in the cell's own files."""

    def close(self, failed: bool) -> None:
        """Nothing is held open."""


class _ForLightning(Logger):
    name = None
    version = None

    def __init__(self, copies: Copies) -> None:
        self._copies = copies

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        # Lightning counts steps from 0; the first is done when it is logged.
        self._copies.log(metrics, (step or 0) + 1)

    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """The config is in the cell's folder."""
