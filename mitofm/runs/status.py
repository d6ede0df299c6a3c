"""The progress of studies, from the markers in their cells' folders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from mitofm.ground import below
from mitofm.runs.books import studies
from mitofm.runs.books.studies import Study
from mitofm.runs.folder import CellFolder, DamagedCell, State, check_sums
from mitofm.runs.looking import Look, look
from mitofm.runs.noted import WHOLE, Noted
from mitofm.runs.progress import describe_sweep

_FEW = 3
_ENDED = (State.DONE, State.FAILED, State.SKIPPED)


def tabulate(runs: Path, study: str | None, cache: Path | None = None) -> Iterator[str]:
    """Lines of a table: each study's cells by state, and its sweeps.

    Of one `study` also why cells failed or were skipped, and, if there is a `cache` that tells which were whole before, which
    are damaged. Checkpoints are not read.
    """
    found = read_studies(runs, study)
    if not found:
        yield f"no studies in {runs} yet: mitofm train makes the first"
        return
    width = max(5, *(len(one.name) for one in found))
    columns = "".join(f"  {column:>10}" for column in (*(state.value for state in _ENDED), "unfinished"))
    yield f"{'study':{width}}  {'cells':>6}{columns}"
    looks = {one.name: _look_at(runs, one) for one in found}
    for one in found:
        states = Counter(state for state, _ in looks[one.name].values())
        counts = [states[state] for state in _ENDED]
        columns = "".join(f"  {count:10d}" for count in (*counts, len(one.cells) - sum(counts)))
        yield f"{one.name:{width}}  {len(one.cells):6d}{columns}"
    yield from list_under_way(runs, found)
    for one in found:
        left, of = one.not_started()
        if left:
            more = "; ..." if len(left) > _FEW else ""
            yield f"{one.name}: {len(left)} of {of} planned cells not started: {'; '.join(left[:_FEW])}{more}"
    if study is not None:
        if lost := found[0].describe_loss():
            yield f"{study}: {lost}: cells may be missing that nothing names (`mitofm check study={study}`)"
        for state in (State.FAILED, State.SKIPPED):
            yield from _describe_cells(runs, [cell for cell, (own, _) in looks[study].items() if own is state])
        if cache is not None:
            yield from _describe_damaged(runs, looks[study], cache)


def list_under_way(runs: Path, found: Iterable[Study]) -> Iterator[str]:
    """A line for each sweep of these studies that runs or was killed."""
    for study in found:
        if study.sweep:
            line = describe_sweep(runs, study, study.sweep)
            yield line if "running" in line else f"{line}: none runs at the moment"


def list_failures(runs: Path, study: str) -> Iterator[str]:
    """A line for each failed cell of a study with its cause, after one that counts them; none if none failed."""
    found = Study(runs, study)
    cells = [cell for cell, (state, _) in _look_at(runs, found).items() if state is State.FAILED]
    failed = list(_describe_cells(runs, cells))
    if failed:
        yield f"{len(failed)} of {len(found.cells)} cells of study {study} failed (mitofm logs CELL, mitofm retry {study}):"
        yield from failed


def read_studies(runs: Path, study: str | None) -> list[Study]:
    """One study, or all."""
    return [studies.read(runs, name) for name in (studies.list_names(runs) if study is None else [study])]


def _look_at(runs: Path, study: Study) -> dict[str, tuple[State, Look]]:
    """The state of each cell of a study, and what its folder holds."""
    below.close(runs)
    place = str(below.check(runs / "cells"))
    looks = {cell: look(f"{place}/{cell}") for cell in study.cells}
    return {
        cell: (CellFolder(runs, cell).read_state() if one.odd or one.state is None else one.state, one)
        for cell, one in looks.items()
    }


def _describe_damaged(runs: Path, looks: Mapping[str, tuple[State, Look]], cache: Path) -> Iterator[str]:
    with Noted(cache, WHOLE, runs) as noted:
        for cell, (state, one) in looks.items():
            try:
                if state is State.DONE and (one.odd or noted.get(cell, one.spell()) is None):
                    check_sums(CellFolder(runs, cell).path, checkpoint=False)
                    noted.put(cell, one.spell(), True)
            except DamagedCell as damaged:
                yield f"damaged  {cell}: {damaged.reason}"


def _describe_cells(runs: Path, cells: Iterable[str]) -> Iterator[str]:
    for cell in cells:
        folder = CellFolder(runs, cell)
        yield f"{folder.read_state().value:8} {cell}: {folder.read_reason()}"
