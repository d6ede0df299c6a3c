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
    sweep, over = Sweep(runs, study, **studies.note_sweep(runs, study, cells)), threading.Event()
    thread = threading.Thread(target=_tell, args=(sweep, over), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        studies.forget_sweep(runs, study)


def _tell(sweep: Sweep, over: threading.Event) -> None:
    on_terminal = sys.stderr.isatty()
    last = False
    while not last:
        last = over.wait(_EVERY[on_terminal])
        end = "\n" if last or not on_terminal else ""
        print(f"\r\x1b[2K{sweep.line()}" if on_terminal else sweep.line(), end=end, file=sys.stderr, flush=True)


class Sweep:
    """What can be seen of a sweep from the notes that its cells leave when they end.

    Args:
        runs: the folder of all runs.
        study: its name.
        cells: how many it has.
        began: when, s since 1970.
        start: from where on its cells' ends are noted (`studies.note_sweep`).
    """

    def __init__(self, runs: Path, study: str, cells: int, began: float, start: int) -> None:
        self._runs, self._study, self._cells = runs, study, cells
        self._began, self._read_from = began, start
        self._states: dict[str, State] = {}
        self._fitted = 0

    def line(self) -> str:
        """How many cells are done, failed, skipped, running, how many an hour, and how long the others may take."""
        notes, self._read_from = studies.ends(self._runs, self._study, self._read_from)
        for cell, state, fitted in notes:
            self._states[cell] = state
            self._fitted += fitted
        counts = Counter(self._states.values())
        counts[State.UNFINISHED] = self._running()
        others = len(self._states) + counts[State.UNFINISHED] > self._cells  # another sweep fills the same study
        of = "" if others else f" of {self._cells}"
        parts = [f"{self._study}: {counts[State.DONE]}{of} cells done"]
        words = {State.FAILED: "failed", State.SKIPPED: "skipped", State.UNFINISHED: "running"}
        parts += [f"{counts[state]} {word}" for state, word in words.items() if counts[state]]
        left = self._cells - len(self._states)
        if left > 0 and self._fitted:
            seconds = max(1e-3, time.time() - self._began) / self._fitted
            parts.append(f"{3600 / seconds:.0f} an hour, about {max(1, round(seconds * left / 60))} min left")
        return ", ".join(parts)

    def _running(self) -> int:
        if self._study not in studies.names(self._runs):
            return 0
        waiting = set(studies.cells(self._runs, self._study)) - set(self._states)
        return sum(lock.stem in waiting and bool(holder(lock)) for lock in (self._runs / "locks").glob("*.lock"))
