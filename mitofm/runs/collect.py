"""Many cells as tables: what was asked for, what became of it, and what the finished ones measured.

A cell that is not DONE keeps its row and its reason: nothing downstream can average over what is not there without
having been told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from mitofm import fingerprints
from mitofm.errors import MitofmError, unknown
from mitofm.evaluation.threshold import of_stored
from mitofm.files import read_json
from mitofm.runs import studies
from mitofm.runs.folder import stored_config

DONE, FAILED, SKIPPED, MISSING, PLANNED = "DONE", "FAILED", "SKIPPED", "missing", "planned"
LABELS = (
    "dataset", "backbone", "weights", "adaptation", "fraction", "seed", "split", "train_domain", "augment", "fit", "protocol",
    "positive", "negative", "n_train", "n_validation", "test_only", "slide_unit", "fraction_unit", "seen", "leaks",
)  # fmt: skip
COST = ("seconds", "peak_memory_mb", "trained_parameters", "samples_per_second")


@dataclass(frozen=True)
class Collected:
    """The cells of a study (or of all).

    Attributes:
        runs: the folder that holds `cells/` and `studies/`.
        stated: the comparisons that the study stated before it ran; None where it stated none.
        cells: one row per cell, sorted by name: cell, state (DONE, FAILED, SKIPPED or missing), reason, the labels of
            its `cell.json`, threshold (a probability), threshold_logit (which cuts) and threshold_rule, and the columns of
            its `cost.json`. What is unknown is None.
            Last, under what they would choose, those that a sweep planned and never came to.
    """

    runs: Path
    cells: pd.DataFrame
    stated: Mapping[str, Any] | None = None

    @property
    def done(self) -> pd.DataFrame:
        """The finished cells."""
        return self.cells[self.cells["state"] == DONE]

    @property
    def unfinished(self) -> pd.DataFrame:
        """The cells that failed, were skipped, are missing (interrupted or running) or only planned."""
        return self.cells[self.cells["state"] != DONE]

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """One row per finished cell and evaluation set: cell, set, and the metrics of its `metrics.json`."""
        rows = [
            {"cell": cell, "set": name, **values}
            for cell in self.done["cell"]
            for name, values in _part(self._folder(cell), "metrics.json", "sets").items()
        ]
        return pd.DataFrame(rows, columns=None if rows else ["cell", "set"])

    def predictions(self, cell: str) -> pd.DataFrame:
        """The predictions of a finished cell, read now: sample_id, slide, domain, label, logit, evaluation_set.

        Raises:
            MitofmError: they are absent or damaged.
        """
        return _table(self._folder(cell) / "predictions.parquet")

    def split(self, cell: str) -> pd.DataFrame:
        """The split of a finished cell, read now: a row per cell of the table, as `mitofm.data.splits.part.Split` has it.

        Raises:
            MitofmError: it is absent or damaged.
        """
        return _table(self._folder(cell) / "split.parquet")

    def agreement(self, cell: str) -> pd.Series:
        """Agreement of the experts (`mitofm.data.votes`) by sample_id; empty if the data set of a finished cell has no votes.

        Raises:
            MitofmError: its split is absent or damaged.
        """
        path = self._folder(cell) / "split.parquet"
        columns = ["sample_id", "agreement"]
        if not set(columns) <= set(_columns(path)):
            return pd.Series(dtype=object)
        return _table(path, columns).set_index("sample_id")["agreement"]

    def predictions_sha256(self, cell: str) -> str:
        """The fingerprint of a finished cell's predictions.

        Raises:
            MitofmError: they are absent.
        """
        path = self._folder(cell) / "predictions.parquet"
        try:
            return fingerprints.of_file(path)
        except OSError as error:
            raise _damaged(path, error) from error

    def config(self, cell: str) -> dict[str, Any]:
        """The configuration of a cell, read now as plain data that may be built (`stored_config`)."""
        return stored_config(self._folder(cell))

    def _folder(self, cell: str) -> Path:
        return self.runs / "cells" / cell


def collect(runs: Path, study: str | None = None) -> Collected:
    """The cells that `study` names, or every cell under `runs`.

    Raises:
        MitofmError: there is no such study, or no cell at all, or a file of a finished cell is absent or damaged.
    """
    names = _all_cells(runs) if study is None else _cells_of(runs, study)
    if not names:
        raise MitofmError(
            f"no cells in {runs / 'cells'}: run `mitofm train` first, or set paths.runs to where they are"
        )
    rows = [_row(runs / "cells" / name) for name in sorted(set(names))]
    planned, _ = studies.not_started(runs, study) if study is not None else ([], 0)
    rows += [{"cell": choices, "state": PLANNED, "reason": "not started"} for choices in planned]
    cells = pd.DataFrame(rows)
    columns = ["cell", "state", "reason", *LABELS, "threshold", "threshold_logit", "threshold_rule", *COST]
    extra = sorted(set(cells.columns) - set(columns))
    cells = cells.reindex(columns=[*columns, *extra])
    stated = studies.stated(runs, study) if study is not None else None
    return Collected(runs, cells.astype(object).where(cells.notna(), None), stated)


def _all_cells(runs: Path) -> Iterable[str]:
    return [folder.name for folder in (runs / "cells").glob("*") if folder.is_dir() and not folder.name.startswith(".")]


def _cells_of(runs: Path, study: str) -> Iterable[str]:
    lists = {path.parent.name: path for path in (runs / "studies").glob("*/cells.csv")}
    if study not in lists:
        raise unknown("study", study, lists, place=str(runs / "studies"))
    table = pd.read_csv(lists[study], dtype=str)
    if "cell" not in table.columns:
        raise MitofmError(f"{lists[study]} has no column 'cell'; it has: {', '.join(table.columns)}")
    return table["cell"].dropna().tolist()


def _row(folder: Path) -> dict[str, Any]:
    state, reason = _state(folder)
    row: dict[str, Any] = {"cell": folder.name, "state": state, "reason": reason}
    if (folder / "cell.json").is_file() or state == DONE:
        row |= _part(folder, "cell.json", "labels")
    if state == DONE:
        threshold = _part(folder, "metrics.json", "threshold")
        row |= {"threshold": threshold["value"], "threshold_rule": threshold["rule"]}
        row |= {"threshold_logit": of_stored(threshold)}
        if (folder / "cost.json").is_file():
            row |= {key: value for key, value in _part(folder, "cost.json").items() if key in COST}
    return row


def _state(folder: Path) -> tuple[str, str]:
    if (folder / DONE).is_file():
        return DONE, ""
    for state in (FAILED, SKIPPED):
        if (folder / state).is_file():
            # The last line of a traceback is its message; a reason has one line only.
            lines = (folder / state).read_text(encoding="utf-8", errors="replace").strip().splitlines()
            return state, lines[-1].strip() if lines else ""
    return MISSING, "interrupted or running" if folder.is_dir() else "not started"


def _table(path: Path, columns: list[str] | None = None) -> pd.DataFrame:
    try:
        return pd.read_parquet(path, columns=columns)
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from error


def _columns(path: Path) -> list[str]:
    """What a table has, its rows unread."""
    from pyarrow.parquet import read_schema

    try:
        return read_schema(path).names
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from error


def _part(folder: Path, file: str, key: str | None = None) -> dict[str, Any]:
    try:
        content = read_json(folder / file)
        return content if key is None else content[key]
    except (OSError, ValueError, KeyError) as error:
        raise _damaged(folder / file, error) from error


def _damaged(path: Path, error: Exception) -> MitofmError:
    return MitofmError(
        f"{path} of a finished cell cannot be read ({type(error).__name__}: {error}): "
        "delete that cell's folder and run its study again"
    )
