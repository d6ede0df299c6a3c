"""From stored cells to a folder with figures, tables and one page."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp

from filelock import FileLock, Timeout

from mitofm.evaluation.predictive_value import PREVALENCES
from mitofm.ground import below
from mitofm.ground.errors import MitofmError
from mitofm.reporting.chapter import write_chapter
from mitofm.reporting.completeness import describe_missing, list_unfinished
from mitofm.reporting.drawing.redrawing import keeping_figures
from mitofm.reporting.measured.configurations import group_cells
from mitofm.reporting.measured.grouping import group_by
from mitofm.reporting.measured.kept import Kept
from mitofm.reporting.measured.stored import Stored
from mitofm.reporting.narrowing import describe_narrowing, narrow, parse_where
from mitofm.reporting.origin import describe_origin
from mitofm.reporting.page import Chapter, Page, write_page
from mitofm.runs.bundle import Bundle, open_unpacked
from mitofm.runs.collect import Collected, collect
from mitofm.runs.contributions import STATISTICS
from mitofm.runs.folder import DamagedCell

PAGE = "report.html"
_PARTS = ("figures", "tables", "beside")
_NEW, _LOCK = ".mitofm-report-", "lock"  # folders in which reports are made, and what whoever makes one holds


def make_report(
    runs: Path,
    study: str | None,
    out: Path,
    cache: Path,
    crops: bool = True,
    beside: Path | None = None,
    prevalences: Sequence[float] = PREVALENCES,
    where: str = "",
    dated: bool = True,
) -> Path:
    """Write the report of `study` (of every cell if it is None) into `out` and return its `report.html`.

    Beside it `out` gets `figures/<dataset>/` (PNG, SVG, PDF) and `tables/<dataset>/` (CSV, Markdown, LaTeX), and under
    `beside/` the same of the study laid beside it. Equal cells give equal files.

    Args:
        runs: the folder with `cells/` and `studies/`.
        cache: where intervals are kept for the next report, and where patch stores are.
        crops: whether the page may show crops of the test set.
        beside: the bundle of a study that follows on the page, said to have been run elsewhere.
        prevalences: at which positive predictive values are shown.
        where: the cells that it is about (`narrowing.py`); all if it is empty.
        dated: whether the files of the cells are as old as the cells.

    Raises:
        MitofmError: there is no such study or no finished cell in it, or none of `where`; or the bundle is damaged; or
            `out` holds `figures`, `tables` or `beside` that are of no report.
    """
    wanted = parse_where(where) if where else {}
    whole = collect(runs, study, cache)
    collected = _require_finished(narrow(whole, wanted) if wanted else whole)
    part = [describe_narrowing(wanted, whole, collected)] if wanted else []
    with ExitStack() as opened:
        others = opened.enter_context(open_unpacked(beside)) if beside is not None else None
        new = opened.enter_context(_replace_report(out))
        opened.enter_context(keeping_figures(cache))
        collected, chapters, missing = _write_chapters(collected, new, cache, crops, prevalences)
        if beside is not None and others is not None:
            chapters += _write_stored(beside.name, others, new / "beside", cache, prevalences)
        unfinished = list_unfinished(collected.unfinished)
        unfinished.write(new / "tables")
        about = [*describe_origin(collected, study, dated), *part]
        write_page(Page(study or "all cells", about, missing, chapters, unfinished), new / PAGE)
    return out / PAGE


@contextmanager
def _replace_report(out: Path) -> Iterator[Path]:
    """Yield a folder for a new report; when it is whole, it replaces the report in `out` with all its files.

    `figures`, `tables` and `beside` in `out` belong to a report if its page is there, or if a whole report was made and its
    process killed while it moved it into place. All else belongs to the user: it is kept, or an error if it is in the way.
    """
    below.check(out).mkdir(parents=True, exist_ok=True)
    there = [name for name in (*_PARTS, PAGE) if os.path.lexists(out / name)]
    if there and not (out / PAGE).is_file() and not any(out.glob(f"{_NEW}*/{PAGE}")):
        raise MitofmError(
            f"{out / there[0]} is in the way and of no report that is whole: move it elsewhere, or give another out="
        )
    new = Path(mkdtemp(prefix=_NEW, dir=out))
    with FileLock(new / _LOCK):
        try:
            yield new
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise
        _move_into_place(new, out)
    _remove_leftovers(out)


def _move_into_place(new: Path, out: Path) -> None:
    """Exchange what is in `out`. The page is removed first and comes last: if it is there, all files are."""
    old = new / "old"
    old.mkdir()
    for name in (PAGE, *_PARTS):
        if os.path.lexists(out / name):
            shutil.move(out / name, old / name)
    for name in (*_PARTS, PAGE):
        if (new / name).exists():
            (new / name).rename(out / name)


def _remove_leftovers(out: Path) -> None:
    """Remove the folders of reports that were never finished, but for those that somebody is making now."""
    for folder in out.glob(f"{_NEW}*"):
        if folder.is_symlink() or (folder / _LOCK).is_symlink():  # a lock's file is emptied when it is opened
            continue
        with suppress(Timeout), FileLock(folder / _LOCK, timeout=0):
            shutil.rmtree(folder, ignore_errors=True)


def _require_finished(collected: Collected) -> Collected:
    if collected.done.empty:
        states = ", ".join(f"{count} {state}" for state, count in collected.cells["state"].value_counts().items())
        raise MitofmError(f"nothing to report: no cell is finished ({states}); `mitofm status` gives the reasons")
    return collected


def _write_chapters(
    collected: Collected, out: Path, cache: Path, crops: bool, prevalences: Sequence[float]
) -> tuple[Collected, list[Chapter], list[str]]:
    """The cells, damaged ones marked; a chapter for each data set; and in words what is missing from them."""
    while True:
        try:
            return collected, *_write_whole(collected, out, cache, crops, prevalences)
        except DamagedCell as damaged:  # noticed when a chapter reads it: all are made again without this cell
            collected = _require_finished(collected.without(damaged))
            for part in _PARTS:
                shutil.rmtree(out / part, ignore_errors=True)


def _write_whole(
    collected: Collected, out: Path, cache: Path, crops: bool, prevalences: Sequence[float]
) -> tuple[list[Chapter], list[str]]:
    """As `_write_chapters`, if none of the cells is damaged."""
    found = group_cells(collected)
    kept = Kept(cache / STATISTICS)
    stored = Stored(collected, kept)
    datasets = group_by((group for group in found if group.done), lambda group: group.configuration.dataset)
    shown = cache if crops else None
    chapters = [write_chapter(stored, groups, out, shown, prevalences) for _, groups in sorted(datasets.items())]
    kept.forget_unused()
    return chapters, describe_missing(collected.cells, found, collected.damaged_lines, collected.lost)


def _write_stored(name: str, bundle: Bundle, out: Path, cache: Path, prevalences: Sequence[float]) -> list[Chapter]:
    """The chapters of a bundle's study, which say that they were not run here."""
    collected, chapters, missing = _write_chapters(collect(bundle.runs, bundle.study), out, cache, False, prevalences)
    count, seeds = len(collected.done), collected.done["seed"].nunique()
    told = f"Not run here: {count} cells of {seeds} seed{'s' if seeds > 1 else ''}, whose predictions are stored in {name}."
    made = f" The command that made them: {bundle.note}" if bundle.note else ""
    return [
        replace(
            one,
            dataset=f"{one.dataset}, stored results of {bundle.study}",
            stored=told + made,
            cautions=[*one.cautions, *missing],
        )
        for one in chapters
    ]
