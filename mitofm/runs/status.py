"""The progress of studies, from the markers in their cells' folders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from mitofm.ground.fingerprints import Remembered
from mitofm.runs import studies
from mitofm.runs.folder import CellFolder, DamagedCell, State, check_sums
from mitofm.runs.progress import describe_sweep
from mitofm.runs.studies import Study

_FEW = 3
_ENDED = (State.DONE, State.FAILED, State.SKIPPED)


def tabulate(runs: Path, study: str | None, remembered: Remembered | None = None) -> Iterator[str]:
    """Lines of a table: each study's cells by state, and its sweeps.

    Of one `study` also why cells failed or were skipped, and, if checksums are `remembered`, which are damaged. Checkpoints
    are not read.
    """
    found = read_studies(runs, study)
    if not found:
        yield f"no studies in {runs} yet: mitofm train makes the first"
        return
    width = max(5, *(len(one.name) for one in found))
    columns = "".join(f"  {column:>10}" for column in (*(state.value for state in _ENDED), "unfinished"))
    yield f"{'study':{width}}  {'cells':>6}{columns}"
    for one in found:
        states = Counter(CellFolder(runs, cell).read_state() for cell in one.cells)
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
        yield from _describe_cells(runs, found[0], State.FAILED)
        yield from _describe_cells(runs, found[0], State.SKIPPED)
    if study is not None and remembered is not None:
        yield from _describe_damaged(runs, found[0], remembered)


def list_under_way(runs: Path, found: Iterable[Study]) -> Iterator[str]:
    """A line for each sweep of these studies that runs or was killed."""
    for study in found:
        if study.sweep:
            line = describe_sweep(runs, study, study.sweep)
            yield line if "running" in line else f"{line}: none runs at the moment"


def list_failures(runs: Path, study: str) -> Iterator[str]:
    """A line for each failed cell of a study with its cause, after one that counts them; none if none failed."""
    found = Study(runs, study)
    failed = list(_describe_cells(runs, found, State.FAILED))
    if failed:
        yield f"{len(failed)} of {len(found.cells)} cells of study {study} failed (mitofm logs CELL, mitofm retry {study}):"
        yield from failed


def read_studies(runs: Path, study: str | None) -> list[Study]:
    """One study, or all."""
    return [studies.read(runs, name) for name in (studies.list_names(runs) if study is None else [study])]


def _describe_damaged(runs: Path, study: Study, remembered: Remembered) -> Iterator[str]:
    for cell in study.cells:
        folder = CellFolder(runs, cell)
        try:
            if folder.read_state() is State.DONE:
                check_sums(folder.path, remembered, checkpoint=False)
        except DamagedCell as damaged:
            yield f"damaged  {cell}: {damaged.reason}"


def _describe_cells(runs: Path, study: Study, state: State) -> Iterator[str]:
    for cell in study.cells:
        folder = CellFolder(runs, cell)
        if folder.read_state() is state:
            yield f"{state.value:8} {cell}: {folder.read_reason()}"
