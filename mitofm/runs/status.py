"""How far studies have come, from the markers in their cells' folders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from mitofm.runs import studies
from mitofm.runs.folder import CellFolder, State
from mitofm.runs.progress import Sweep

_FEW = 3


def table(runs: Path, study: str | None) -> Iterator[str]:
    """Lines of a table: cells of each study by state, and sweeps under way; for one study also what failed or was skipped, why."""
    names = studies.names(runs) if study is None else [study]
    if not names:
        yield f"no studies in {runs} yet: mitofm train makes the first"
        return
    width = max(5, *map(len, names))
    yield f"{'study':{width}}  {'cells':>6}" + "".join(f"  {state.value:>10}" for state in State)
    for name in names:
        cells = studies.cells(runs, name)
        counts = Counter(CellFolder(runs, cell).state() for cell in cells)
        yield f"{name:{width}}  {len(cells):6d}" + "".join(f"  {counts[state]:10d}" for state in State)
    yield from under_way(runs, study)
    for name in names:
        left, planned = studies.not_started(runs, name)
        if left:
            more = "; ..." if len(left) > _FEW else ""
            yield f"{name}: {len(left)} of {planned} planned cells not started: {'; '.join(left[:_FEW])}{more}"
    if study is not None:
        yield from _told(runs, study, State.FAILED)
        yield from _told(runs, study, State.SKIPPED)


def under_way(runs: Path, study: str | None) -> Iterator[str]:
    """A line per sweep, of one study or of all, that has not ended, or was killed."""
    for name in studies.names(runs) if study is None else [study]:
        if note := studies.sweep(runs, name):
            line = Sweep(runs, name, **note).line()
            yield line if "running" in line else f"{line}: none runs at the moment"


def failures(runs: Path, study: str) -> Iterator[str]:
    """A line per failed cell of a study and its cause, under one that counts them; none where there is none."""
    if study in studies.names(runs):
        failed = list(_told(runs, study, State.FAILED))
        if failed:
            counted = f"{len(failed)} of {len(studies.cells(runs, study))} cells of study {study}"
            yield f"{counted} failed (mitofm logs CELL, mitofm retry {study}):"
            yield from failed


def _told(runs: Path, study: str, state: State) -> Iterator[str]:
    for cell in studies.cells(runs, study):
        folder = CellFolder(runs, cell)
        if folder.state() is state:
            reason = folder.reason().strip().splitlines() or [""]
            yield f"{state.value:8} {cell}: {reason[-1]}"
