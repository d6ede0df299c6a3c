"""The tables of studies on pages, from their reports' own: `make study-tables` writes them wherever a page asks for one.

A report's CSVs lie in `experiments/STUDY/tables/`, as `mitofm report` wrote them; `make study-tables ARGS="--of RUNS STUDY"`
copies those of a folder of runs first. A page asks by a comment, `<!-- table: {of: results, rows: {...}, ...} -->`, with

    study      whose; the page's own if it is a study's
    of         the CSV
    where      columns and the value that they must have
    rows       headings and columns that name a row: model, train_domain
    across     a column whose values become columns, of the one metric under `show`
    show       headings and columns that are printed: with the interval beside it if there is one
    intervals  false: without them
"""

from __future__ import annotations

import argparse
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from mitofm.evaluation.statistics import Estimate
from mitofm.reporting.answers import SAMPLES
from mitofm.reporting.numbers import NOTHING, format_difference, format_interval, name_set

ROOT = Path(__file__).parent.parent
COPIED = ("results", "gaps", "column_gaps", "stated")
ASKED = re.compile(r"(<!-- table: (.*?) -->\n).*?(<!-- /table -->\n)", re.S)
DIFFERENCES = ("difference", "corrected", "gap")
"""Columns whose numbers carry their sign."""


def make_table(asked: Mapping[str, Any], tables: Path) -> str:
    """The table that a comment asks for, in Markdown.

    Args:
        asked: as the module says.
        tables: the folder of the CSVs.
    """
    file = tables / f"{asked['of']}.csv"
    if not file.is_file():
        raise SystemExit(f"{file}: there is no such table: mitofm report, then --of RUNS STUDY")
    found = pd.read_csv(file, keep_default_na=False, dtype=str)
    rows, show, where = asked["rows"], asked["show"], asked.get("where", {})
    named_columns = [*where, *rows.values(), *show.values(), *([asked["across"]] if "across" in asked else [])]
    if lacking := [column for column in named_columns if column not in found]:
        raise SystemExit(f"{file} has no column {', '.join(lacking)}")
    for column, value in where.items():
        found = found[found[column] == str(value)]
    if found.empty:  # a page would lose its numbers without a word
        raise SystemExit(
            f"{file} has no row where {', '.join(f'{column} is {value}' for column, value in where.items())}"
        )
    shown: dict[tuple[str, ...], dict[str, str]] = {}
    for _, entry in found.iterrows():
        named = tuple(spell(entry, column) for column in rows.values())
        for heading, column in show.items():
            place = spell(entry, asked["across"]) if "across" in asked else heading
            if place in shown.setdefault(named, {}):
                raise ValueError(f"{asked['of']}: two entries for {named}, {place}")
            shown[named][place] = spell(entry, column, asked.get("intervals", True))
    columns = list(dict.fromkeys(place for entries in shown.values() for place in entries))
    lines = [[*rows, *columns], ["---"] * (len(rows) + len(columns))]
    lines += [[*named, *(entries.get(column, "") for column in columns)] for named, entries in shown.items()]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def spell(entry: pd.Series[str], column: str, intervals: bool = True) -> str:
    """One entry of a CSV as a page prints it."""
    text = entry[column]
    if column == "set":
        return name_set(text)
    if column == "paired_by":
        return "samples" if text == SAMPLES else text
    if column == "fraction":
        return f"{100 * float(text):g} %"
    if f"{column}_low" not in entry:
        return text.replace("_", " ") if column == "question" else text
    if not text:
        return NOTHING
    low, high = (
        float(entry[f"{column}_{end}"]) if intervals and entry[f"{column}_{end}"] else None for end in ("low", "high")
    )
    estimate = Estimate(float(text), low=low, high=high)
    printed = format_difference(estimate) if column in DIFFERENCES else format_interval(estimate)
    return printed.replace("\N{MINUS SIGN}", "-")


def write_tables(page: str, experiments: Path, study: str = "") -> str:
    """A page with its tables as they are now.

    Args:
        page: its text.
        experiments: the folder of studies.
        study: the one that the page is of.
    """

    def write(found: re.Match[str]) -> str:
        asked = yaml.safe_load(found[2])
        return f"{found[1]}\n{make_table(asked, experiments / asked.get('study', study) / 'tables')}\n{found[3]}"

    return ASKED.sub(write, page)


def copy_tables(data: Path, into: Path) -> None:
    """Keep the tables of a report's data set, and none that it no longer has."""
    into.mkdir(exist_ok=True)
    for name in COPIED:
        if (data / f"{name}.csv").is_file():
            shutil.copyfile(data / f"{name}.csv", into / f"{name}.csv")
        else:
            (into / f"{name}.csv").unlink(missing_ok=True)


def list_pages() -> list[Path]:
    """All that ask for a table."""
    pages = [ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("experiments/*/README.md")]
    return sorted(page for page in pages if ASKED.search(page.read_text()))


def main() -> None:
    """Copy the tables of reports if asked to, and write the pages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--of", type=Path, metavar="RUNS", help="the runs whose reports/STUDY/tables/DATA are copied first"
    )
    parser.add_argument(
        "studies", nargs="*", help="those whose tables are copied; STUDY:FOLDER if its folder is called otherwise"
    )
    asked = parser.parse_args()
    if (asked.of is None) != (not asked.studies):
        parser.error("give --of RUNS and the studies whose tables are copied, or neither")
    for study, _, folder in (one.partition(":") for one in asked.studies):
        tables, kept = asked.of / "reports" / study / "tables", ROOT / "experiments" / (folder or study)
        found = list(tables.glob("*/results.csv"))
        if len(found) != 1:
            parser.error(
                f"{tables}: tables of one data set are wanted, and there are {len(found)}: mitofm report study={study}"
            )
        if not kept.is_dir():
            parser.error(f"{kept}: there is no such study; STUDY:FOLDER names the folder")
        copy_tables(found[0].parent, kept / "tables")
    for page in list_pages():
        page.write_text(write_tables(page.read_text(), ROOT / "experiments", page.parent.name))


if __name__ == "__main__":
    main()
