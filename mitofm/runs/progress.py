"""Shows the progress of a sweep in one line, whichever launcher runs it."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Container, Iterator
from contextlib import contextmanager
from pathlib import Path

from mitofm.ground.locks import find_holder
from mitofm.runs import studies
from mitofm.runs.folder import State
from mitofm.runs.studies import Begun, Study

_EVERY = {True: 2.0, False: 60.0}  # seconds between two lines, on a terminal and in a file


@contextmanager
def show_progress(runs: Path, study: str, cells: int) -> Iterator[None]:
    """Show on stderr, while the block runs, how many of `cells` cells have ended; a single cell is not shown."""
    if cells < 2:
        yield
        return
    studies.begin_sweep(runs, study, cells)
    noted, over = Study(runs, study), threading.Event()
    sweep = Sweep(runs, noted, Begun(cells, time.time(), len(noted.ended)))
    thread = threading.Thread(target=_tell, args=(sweep, over), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        studies.end_sweep(runs, study)


def _tell(sweep: Sweep, over: threading.Event) -> None:
    on_terminal = sys.stderr.isatty()
    last = False
    while not last:
        last = over.wait(_EVERY[on_terminal])
        end = "\n" if last or not on_terminal else ""
        print(f"\r\x1b[2K{sweep.line()}" if on_terminal else sweep.line(), end=end, file=sys.stderr, flush=True)


class Sweep:
    """The progress of a sweep `begun` of a study, from what its cells note when they end."""

    def __init__(self, runs: Path, study: Study, begun: Begun) -> None:
        self._runs, self._study, self._begun = runs, study, begun

    def line(self) -> str:
        """Counts of done, failed, skipped and running cells, cells per hour, and the time that is left, in words."""
        self._study.read_on()
        ended = self._study.ended[self._begun.ended_before :]
        states = {cell: state for cell, state, _ in ended}
        fitted, cells = sum(fitted for *_, fitted in ended), self._begun.cells
        counts = Counter(states.values())
        counts[State.RUNNING] = self._count_running(states)
        others = len(states) + counts[State.RUNNING] > cells  # another sweep fills the same study
        of = "" if others else f" of {cells}"
        parts = [f"{self._study.name}: {counts[State.DONE]}{of} cells done"]
        words = {State.FAILED: "failed", State.SKIPPED: "skipped", State.RUNNING: "running"}
        parts += [f"{counts[state]} {word}" for state, word in words.items() if counts[state]]
        left = cells - len(states)
        if left > 0 and fitted:
            seconds = max(1e-3, time.time() - self._begun.began) / fitted
            parts.append(f"{3600 / seconds:.0f} an hour, about {max(1, round(seconds * left / 60))} min left")
        return ", ".join(parts)

    def _count_running(self, ended: Container[str]) -> int:
        locks = (self._runs / "locks").glob("*.lock")
        return sum(
            lock.stem in self._study.cells and lock.stem not in ended and bool(find_holder(lock)) for lock in locks
        )
