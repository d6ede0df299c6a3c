"""From stored cells to a folder with figures, tables and one page."""

from __future__ import annotations

from pathlib import Path

from mitofm.errors import MitofmError
from mitofm.reporting import chapter, contents, words
from mitofm.reporting.configurations import groups
from mitofm.reporting.estimates import Stored
from mitofm.reporting.kept import Kept
from mitofm.reporting.page import Page, write_page
from mitofm.runs.collect import collect


def make_report(runs: Path, study: str | None, out: Path, cache: Path, crops: bool = True) -> Path:
    """Write the report of `study` (of every cell where it is None) into `out` and return its `report.html`.

    Beside it `out` gets `figures/<dataset>/` (PNG, SVG, PDF) and `tables/<dataset>/` (CSV, Markdown, LaTeX). Equal cells give
    equal files.

    Args:
        runs: the folder with `cells/` and `studies/`.
        study: the name of a folder in `runs/studies`.
        out: a folder, made if absent.
        cache: where intervals are kept for the next report, and where patch stores are.
        crops: whether the page may show crops of the test set.

    Raises:
        MitofmError: there is no such study or no finished cell in it, or a finished cell is damaged.
    """
    collected = collect(runs, study)
    if collected.done.empty:
        states = ", ".join(f"{count} {state}" for state, count in collected.cells["state"].value_counts().items())
        raise MitofmError(f"nothing to report: no cell is finished ({states}); `mitofm status` gives the reasons")
    found = groups(collected)
    datasets = sorted({group.configuration.dataset for group in found if group.done})
    stored = Stored(collected, Kept(cache / "statistics"))
    chapters = [
        chapter.of_dataset(
            stored, [group for group in found if group.configuration.dataset == dataset], out, cache, crops
        )
        for dataset in datasets
    ]
    unfinished = contents.unfinished_table(collected.unfinished)
    unfinished.write(out / "tables")
    page = Page(study or "all cells", words.completeness(collected.cells, found), chapters, unfinished)
    return write_page(page, out / "report.html")
