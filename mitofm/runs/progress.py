"""Shows the progress of a sweep in one line, whichever launcher runs it."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from mitofm.ground.locks import find_holder
from mitofm.ground.terminal import escape
from mitofm.runs.books import studies
from mitofm.runs.books.studies import Begun, Study
from mitofm.runs.folder import State

_EVERY = {True: 2.0, False: 60.0}  # seconds between two lines, on a terminal and in a file


@contextmanager
def show_progress(runs: Path, study: str, cells: int) -> Iterator[None]:
    """Show on stderr, while the block runs, how many of `cells` cells have ended; a single cell is not shown."""
    if cells < 2:
        yield
        return
    studies.begin_sweep(runs, study, cells)
    noted, over = Study(runs, study), threading.Event()
    describe = partial(describe_sweep, runs, noted, Begun(cells, time.time(), len(noted.ended)))
    thread = threading.Thread(target=_tell, args=(describe, over), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        studies.end_sweep(runs, study)


def _tell(describe: Callable[[], str], over: threading.Event) -> None:
    on_terminal = sys.stderr.isatty()
    last = False
    while not last:
        last = over.wait(_EVERY[on_terminal])
        end = "\n" if last or not on_terminal else ""
        told = escape(describe())
        print(f"\r\x1b[2K{told}" if on_terminal else told, end=end, file=sys.stderr, flush=True)


def describe_sweep(runs: Path, study: Study, sweep: Begun) -> str:
    """Counts of done, failed, skipped and running cells, cells per hour, and the time that is left, in words."""
    study.read_on()
    ended = study.ended[sweep.ended_before :]
    states = {cell: state for cell, state, _ in ended}
    fitted = sum(fitted for *_, fitted in ended)
    counts = Counter(states.values())
    locks = (runs / "locks").glob("*.lock")
    counts[State.RUNNING] = sum(
        lock.stem in study.cells and lock.stem not in states and bool(find_holder(lock)) for lock in locks
    )
    others = len(states) + counts[State.RUNNING] > sweep.cells  # another sweep fills the same study
    of = "" if others else f" of {sweep.cells}"
    parts = [f"{study.name}: {counts[State.DONE]}{of} cells done"]
    words = {State.FAILED: "failed", State.SKIPPED: "skipped", State.RUNNING: "running"}
    parts += [f"{counts[state]} {word}" for state, word in words.items() if counts[state]]
    left = sweep.cells - len(states)
    if left > 0 and fitted:
        seconds = max(1e-3, time.time() - sweep.began) / fitted
        parts.append(f"{3600 / seconds:.0f} an hour, about {max(1, round(seconds * left / 60))} min left")
    return ", ".join(parts)
