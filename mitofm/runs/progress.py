"""One line that says how far a sweep has come, whichever launcher runs it."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mitofm.locks import holder
from mitofm.runs import studies
from mitofm.runs.folder import State

_EVERY = {True: 2.0, False: 60.0}  # seconds between two lines, on a terminal and in a file


@contextmanager
def shown(runs: Path, study: str, cells: int) -> Iterator[None]:
    """Show on stderr, while the block runs, how many of `cells` cells have ended; nothing for a single cell."""
    if cells < 2:
        yield
        return
    sweep, over = _Sweep(runs, study, cells), threading.Event()
    thread = threading.Thread(target=_tell, args=(sweep, over), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _tell(sweep: _Sweep, over: threading.Event) -> None:
    on_terminal = sys.stderr.isatty()
    last = False
    while not last:
        last = over.wait(_EVERY[on_terminal])
        end = "\n" if last or not on_terminal else ""
        print(f"\r\x1b[2K{sweep.line()}" if on_terminal else sweep.line(), end=end, file=sys.stderr, flush=True)


class _Sweep:
    """What can be seen of a sweep from the notes that its cells leave when they end."""

    def __init__(self, runs: Path, study: str, cells: int) -> None:
        self._runs, self._study, self._cells = runs, study, cells
        self._read_from = studies.ends(runs, study)[1]
        self._states: dict[str, State] = {}
        self._began = time.monotonic()
        self._fitted = 0

    def line(self) -> str:
        """How many cells are done, failed, skipped, running, and how long the others may take."""
        notes, self._read_from = studies.ends(self._runs, self._study, self._read_from)
        for cell, state, fitted in notes:
            self._states[cell] = state
            self._fitted += fitted
        counts = Counter(self._states.values())
        counts[State.UNFINISHED] = self._running()
        parts = [f"{self._study}: {counts[State.DONE]} of {self._cells} cells done"]
        words = {State.FAILED: "failed", State.SKIPPED: "skipped", State.UNFINISHED: "running"}
        parts += [f"{counts[state]} {word}" for state, word in words.items() if counts[state]]
        left = self._cells - len(self._states)
        if left > 0 and self._fitted:
            minutes = (time.monotonic() - self._began) / self._fitted * left / 60
            parts.append(f"about {max(1, round(minutes))} min left")
        return ", ".join(parts)

    def _running(self) -> int:
        locks_held = (self._runs / "locks").glob("*.lock")
        return sum(path.stem not in self._states and bool(holder(path)) for path in locks_held)
