"""A table of a report: full numbers for programs (CSV), rounded ones for people (Markdown, LaTeX, HTML); and its entries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from math import nan
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from mitofm.evaluation.statistics import Estimate
from mitofm.ground import files
from mitofm.ground.csv_cells import to_csv
from mitofm.ground.terminal import escape
from mitofm.reporting.escaping import escape_latex, escape_markdown
from mitofm.reporting.longtable import write_longtable
from mitofm.reporting.measured.configurations import Configuration
from mitofm.reporting.measured.results import Result
from mitofm.reporting.numbers import explain_outcome, format_difference, format_interval, format_range, name_set

SETTING, SET, LABELS, MODEL, ADAPTATION = AXES = ("setting", "test set", "labels", "model", "adaptation")
TEST_DOMAIN = "test domain"
MOST_ROWS = 1200
"""Of a table with more a page shows some."""
_TEX = str.maketrans({"\N{MINUS SIGN}": "$-$", "\N{EN DASH}": "--", "\N{MULTIPLICATION SIGN}": r"$\times$"})


class Entry(NamedTuple):
    """A heading, what people see under it (nothing if there is no heading), and what programs read, by column."""

    heading: str = ""
    shown: str = ""
    full: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Table:
    """A table; `name` is that of its files.

    Attributes:
        shown: for people: every entry a string.
        full: for programs: plain numbers.
        note: what a reader must know, "" if nothing.
        constant: the columns left out of `shown` because they hold one value, with it.
        left_out: how many rows are in its files alone.
    """

    name: str
    title: str
    shown: pd.DataFrame
    full: pd.DataFrame
    note: str = ""
    constant: Mapping[str, str] | None = None
    left_out: int = 0

    @property
    def caption(self) -> str:
        """The note, what is equal in all rows, and how many are left out."""
        same = "; ".join(f"{name}: {value}" for name, value in (self.constant or {}).items())
        return " ".join(filter(None, (self.note, f"In all rows: {same}." if same else "", self._describe_left_out())))

    def _describe_left_out(self) -> str:
        if not self.left_out:
            return ""
        return (
            f"Shown are {len(self.shown):,} of {self.count:,} rows, of those with most labels; {self.name}.csv in the folder of "
            "tables has all."
        )

    @property
    def count(self) -> int:
        """How many rows there are."""
        return len(self.shown) + self.left_out

    @property
    def rows(self) -> Iterator[tuple[tuple[str, ...], tuple[Any, ...]]]:
        """What people see of each row, and what it is about: the names that programs see."""
        names = self.full.select_dtypes(exclude="number")
        return zip(self.shown.itertuples(index=False), names.itertuples(index=False), strict=True)

    def shorten(self) -> Table:
        """What a page shows: of very many rows the first of those with most labels, and of what programs see the names alone."""
        kept = pd.Series(True, index=self.full.index)
        if len(self.full) > MOST_ROWS and "fraction" in self.full:
            kept = self.full["fraction"] == self.full["fraction"].max()
        rows = kept[kept].index[:MOST_ROWS]
        names = self.full.loc[rows].select_dtypes(exclude="number")
        return replace(self, shown=self.shown.loc[rows], full=names, left_out=len(self.full) - len(rows))

    def write(self, folder: Path) -> None:
        """Write `<name>.csv`, `<name>.md` and `<name>.tex` into `folder`."""
        files.write_text(folder / f"{self.name}.csv", to_csv(self.full))
        files.write_text(folder / f"{self.name}.md", self._markdown())
        files.write_text(folder / f"{self.name}.tex", self._latex())

    def _latex(self) -> str:
        """A longtable (packages booktabs and longtable), what a reader must know as a comment above it."""
        if self.shown.empty:
            return f"% {escape(self.title)}: nothing\n"
        spell = cache(escape_latex)
        rows = (list(map(spell, row)) for row in self.shown.itertuples(index=False, name=None))
        body = write_longtable(list(map(escape_latex, self.shown.columns)), rows, escape_latex(self.title))
        return f"% {escape(self.caption)}\n{body.translate(_TEX)}"

    def _markdown(self) -> str:
        spell = cache(escape_markdown)

        def join(entries: Sequence[Any]) -> str:
            return "| " + " | ".join(map(spell, entries)) + " |"

        rule = join(["---"] * self.shown.shape[1])
        body = [join(row) for row in self.shown.itertuples(index=False, name=None)]
        parts = [f"# {escape_markdown(self.title)}", "\n".join([join(list(self.shown.columns)), rule, *body])]
        return "\n\n".join([*parts, escape_markdown(self.caption)] if self.caption else parts) + "\n"


def make_table(
    name: str,
    title: str,
    rows: Iterable[Iterable[Entry]],
    note: str = "",
    axes: Sequence[str] = AXES,
    estimates: Iterable[Estimate] = (),
) -> Table:
    """A table from its entries.

    Args:
        note: what a reader must know; why some of `estimates`, which the rows show, have no interval is added.
        axes: headings that move into the caption when people see the same under them in every row of several.
    """
    shown, full = _gather(rows)
    same = [
        axis for axis in axes if axis in shown and shown[axis].nunique() == 1 and (len(shown) > 1 or not shown[axis][0])
    ]
    constant = {axis: str(shown[axis].iloc[0]) for axis in same if shown[axis].iloc[0]}
    reasons = sorted({estimate.why for estimate in estimates if estimate.why})
    note += f" No interval where: {'; '.join(reasons)}." if reasons else ""
    return Table(name, title, shown.drop(columns=same), full, note.strip(), constant)


def _gather(rows: Iterable[Iterable[Entry]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What people see and what programs see, column by column: a table of many rows is never in memory as entries."""
    shown: dict[str, list[str]] = {}
    full: dict[str, list[Any]] = {}
    count = 0
    for row in rows:
        for entry in row:
            if entry.heading:
                _put(shown, entry.heading, entry.shown, count, "")
            for column, value in entry.full.items():
                _put(full, column, value, count, nan)
        count += 1
    for told in shown.values():
        told += [""] * (count - len(told))
    for values in full.values():
        values += [nan] * (count - len(values))
    # Texts as objects: rows of Arrow's strings, which they would become, are read one text at a time.
    return pd.DataFrame(shown, index=range(count), dtype=object), pd.DataFrame(full, index=range(count))


def _put(columns: dict[str, list[Any]], name: str, value: Any, row: int, nothing: Any) -> None:
    column = columns.setdefault(name, [])
    if len(column) < row:
        column += [nothing] * (row - len(column))
    if len(column) == row:
        column.append(value)
    else:  # said twice: the last counts
        column[row] = value


def name_row(key: Configuration, tested: str, heading: str = SET, where: str | None = None) -> list[Entry]:
    """The entries that name a row: what was trained how, and the evaluation set `tested`, under `heading`.

    `where` is what people see of setting and training domain; both if it is None.
    """
    trained = {"dataset": key.dataset, "setting": key.setting, "train_domain": key.train_domain}
    return [
        Entry(SETTING, key.where if where is None else where, trained),
        Entry(heading, name_set(tested), {"set": tested}),
        Entry(LABELS, key.share, {"fraction": key.fraction}),
        Entry(MODEL, key.model, {"model": key.model}),
        Entry(ADAPTATION, key.adaptation, {"adaptation": key.adaptation}),
    ]


def hide(entries: Iterable[Entry], *headings: str) -> list[Entry]:
    """The entries, those under `headings` for programs only."""
    return [entry._replace(heading="") if entry.heading in headings else entry for entry in entries]


def show_confounded(tested: Result) -> list[Entry]:
    """If a domain is left out and tested, what else is missing from training with it; no entry if nothing is."""
    said = tested.confounded
    return [Entry("missing from training, too", said, {"confounded_with": said})] if said else []


def show_search(first: Result, second: Result) -> list[Entry]:
    """How many settings either side of a comparison chose among; no entry if they are as many, or not known."""
    tried = [side.group.tried for side in (first, second)]
    if not all(tried) or tried[0] == tried[1]:
        return []
    one, other = map(format_range, tried)
    return [Entry("settings tried", f"{one} against {other}", {"first_tried": one, "second_tried": other})]


def show_estimate(
    heading: str, name: str, found: Estimate, format: Callable[[Estimate], str] = format_interval
) -> Entry:
    """An estimate with its interval; the columns start with `name`."""
    full = {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
    return Entry(heading, format(found), full | {f"{name}_slides": found.slides, f"{name}_no_interval": found.why})


def show_difference(heading: str, name: str, found: Estimate) -> Entry:
    """The same of a difference: every number carries its sign."""
    return show_estimate(heading, name, found, format_difference)


def show_support(found: Estimate) -> list[Entry]:
    """How many seeds and slides an estimate is made from."""
    return [Entry("seeds", str(found.seeds)), Entry("slides", str(found.slides))]


def show_outcome(heading: str, said: str, found: Estimate) -> Entry:
    """What is said of a difference; people see why if whatever its cells had measured could not have decided it."""
    return Entry(heading, explain_outcome(said, found), {heading: said})


def show_verdict(found: Estimate) -> list[Entry]:
    """Whether a difference is decided, and what it rests on: what comes last is out of sight on a narrow page."""
    return [show_outcome("verdict", found.verdict, found), *show_support(found)]


def show_range(heading: str, name: str, found: Sequence[float]) -> Entry:
    """Numbers from the least to the most."""
    return Entry(heading, format_range(found), {f"{name}_min": min(found), f"{name}_max": max(found)})
