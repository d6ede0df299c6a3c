"""Copies of a cell's metrics for people to watch: learning curves as CSV, a run in W&B. They can never fail a cell."""

from __future__ import annotations

import csv
import logging
import math
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Protocol

import pandas as pd

from mitofm.ground.files import require_held, write_text
from mitofm.ground.locks import Lost

_log = logging.getLogger(__name__)
_COLUMNS = "step,metric,value\r\n"


class Sink(Protocol):
    """A place that copies go to. In subclasses, a method that is not overridden does nothing."""

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Record one point of the learning curves."""
        return

    def finish(self, metrics: Mapping[str, Any], cost: Mapping[str, Any], predictions: pd.DataFrame) -> None:
        """Record the results of a finished cell, and what it cost."""
        return

    def close(self, failed: bool) -> None:
        """Release all resources, also if the cell failed."""
        return


class Copies:
    """Passes everything on to its sinks; a sink that raises is dropped with a warning.

    Args:
        openers: open the sinks; one that cannot be opened is left out with a warning.
    """

    def __init__(self, openers: list[Callable[[], Sink]]) -> None:
        self._sinks: list[Sink] = []
        for opener in openers:
            try:
                self._sinks.append(opener())
            except Exception as error:
                _warn("a logger", error)

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Pass on one point of the learning curves; steps count from 1."""
        self._call_each(lambda sink: sink.log(metrics, step))

    def finish(self, metrics: Mapping[str, Any], cost: Mapping[str, Any], predictions: pd.DataFrame) -> None:
        """Pass on the results."""
        self._call_each(lambda sink: sink.finish(metrics, cost, predictions))

    def close(self, failed: bool) -> None:
        """Close every sink."""
        self._call_each(lambda sink: sink.close(failed))

    def _call_each(self, call: Callable[[Sink], None]) -> None:
        for sink in list(self._sinks):
            try:
                call(sink)
            except Lost:
                raise
            except Exception as error:
                self._sinks.remove(sink)
                _warn(getattr(sink, "name", type(sink).__name__), error)


def _warn(name: str, error: Exception) -> None:
    kind = type(error).__name__
    _log.warning("%s gave up (%s: %s); the cell goes on, its own files are complete", name, kind, error)


class InTime(Sink):
    """A sink in a thread of its own: only the end of a cell waits for it, for `seconds` at most.

    Args:
        name: of the sink, in warnings.
        seconds: how long the end of the cell waits for unfinished calls.

    Raises:
        Exception: an error of the sink, at the next call.
    """

    def __init__(self, opener: Callable[[], Sink], name: str, seconds: float) -> None:
        self.name = name
        self._seconds = seconds
        self._calls: SimpleQueue[Callable[[Sink], None] | None] = SimpleQueue()  # None is the last
        self._error: Exception | None = None
        self._failed = True
        self._thread = threading.Thread(target=self._work, args=(opener,), daemon=True)
        self._thread.start()

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Pass on one point of the learning curves."""
        held = dict(metrics)
        self._call(lambda sink: sink.log(held, step))

    def finish(self, metrics: Mapping[str, Any], cost: Mapping[str, Any], predictions: pd.DataFrame) -> None:
        """Pass on the results."""
        self._call(lambda sink: sink.finish(metrics, cost, predictions))

    def close(self, failed: bool) -> None:
        """Wait for the sink to close, but for `seconds` at most."""
        self._failed = failed
        self._calls.put(None)
        self._thread.join(self._seconds)
        if self._thread.is_alive():
            raise TimeoutError(f"it has not ended after {self._seconds:.0f} s and is left behind")
        self._raise_error()

    def _call(self, call: Callable[[Sink], None]) -> None:
        self._raise_error()
        self._calls.put(call)

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _work(self, opener: Callable[[], Sink]) -> None:
        try:
            sink = opener()
            try:
                while (call := self._calls.get()) is not None:
                    call(sink)
            except Exception as error:
                self._error = error
                while self._calls.get() is not None:
                    pass
            sink.close(self._failed)
        except Exception as error:
            self._error = self._error or error


class Curves(Sink):
    """Learning curves as rows `step, metric, value` of a CSV file.

    A resumed cell goes on with the same file: what it logs first was perhaps written before it was stopped, and so was what
    came after that, whole or in part. All of this is written anew.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._reached: float = math.inf  # the step of the last row; what is logged first is not known to be after it

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Append one row per metric."""
        require_held(self._file)
        named = {name: value for name, value in metrics.items() if name != "epoch"}
        if step < self._reached:
            write_text(self._file, self._read_before(step, named))
        self._reached = step
        with self._file.open("a", newline="") as file:
            csv.writer(file).writerows([step, name, value] for name, value in named.items())

    def _read_before(self, step: int, metrics: Mapping[str, float]) -> str:
        """What the file holds from before this was logged, at least the names of its columns."""
        kept = _COLUMNS
        text = self._file.read_bytes().decode(errors="replace") if self._file.exists() else ""
        for line in text.split("\r\n")[1:-1]:
            row = line.split(",")
            if (
                len(row) != 3
                or not row[0].isdecimal()
                or int(row[0]) > step
                or (int(row[0]) == step and row[1] in metrics)
            ):
                break
            kept += f"{line}\r\n"
        return kept
