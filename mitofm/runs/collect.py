"""Many cells as tables: their states, labels and measurements. A cell that is not finished has a row with its reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from mitofm.evaluation.calibration import read_shift
from mitofm.evaluation.threshold import read_logit
from mitofm.ground.errors import MitofmError
from mitofm.ground.places import remove_folders
from mitofm.runs import studies
from mitofm.runs.choice import count_tried
from mitofm.runs.folder import (
    CellFolder,
    DamagedCell,
    State,
    check_sizes,
    has_file,
    read_bytes,
    read_config,
    read_stored,
)
from mitofm.runs.keys import LABELS
from mitofm.runs.sums import Sum
from mitofm.runs.tables import read_predictions, read_split

DONE, FAILED, SKIPPED = State.DONE.value, State.FAILED.value, State.SKIPPED.value
MISSING, DAMAGED, PLANNED = "missing", "damaged", "planned"
_MISSING = {State.TO_DO: "not started"} | dict.fromkeys((State.INTERRUPTED, State.RUNNING), "interrupted or running")
_FURTHER = ("positive", "negative", "n_train", "n_validation", "test_only", "slide_unit", "seen", "leaks")
"""Labels that are no value of a key."""
_WORDS, _NUMBERS = ("dataset", "backbone", "adaptation", "split", "positive", "negative"), ("fraction", "seed")
_COUNTED = ("n_train", "n_validation")  # of finished cells. A report needs these three groups of labels
COST = ("seconds", "peak_memory_mb", "trained_parameters", "samples_per_second")
# The version of a cell that does not state it, by whether its threshold is stated as a logit.
_LAST_WITHOUT, _FIRST_WITH_LOGIT = 3, 4
_CHOSEN = ("threshold", "threshold_logit", "threshold_rule", "prior_logit", "settings_tried")
_WHOLE = ("protocol_version", "settings_tried")
COLUMNS = ("cell", "state", "reason", *LABELS, *_FURTHER, *_CHOSEN, *COST)
"""Those of `Collected.cells` that are always there."""


@dataclass(frozen=True)
class Collected:
    """The cells of a study, or all cells. Reading a file of a cell raises DamagedCell if it is absent or damaged.

    Attributes:
        runs: the folder that holds `cells/` and `studies/`.
        cells: one row per cell, sorted by name: cell, state (DONE, FAILED, SKIPPED, damaged or missing), reason, the labels of
            its `cell.json`, threshold (a probability), threshold_logit, threshold_rule, prior_logit, settings_tried (see
            `choice.py`), and the columns of its `cost.json`; None if unknown. Then the cells of a sweep that were not started,
            named by their choices.
        stated: the comparisons that the study stated before it ran; None if it stated none.
        damaged_lines: of the study's journal, which may have named further cells.
        lost: what else is missing of the study's books, in words; "" if nothing is known to be.
    """

    runs: Path
    cells: pd.DataFrame
    stated: Mapping[str, Any] | None = None
    damaged_lines: int = 0
    lost: str = ""

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
            for name, values in read_metrics(self._folder(cell) / "metrics.json")["sets"].items()
        ]
        return pd.DataFrame(rows, columns=None if rows else ["cell", "set"])

    def predictions(self, cell: str) -> pd.DataFrame:
        """Read the predictions of a finished cell: sample_id, slide, domain, label, logit, evaluation_set."""
        return read_predictions(self._folder(cell) / "predictions.parquet")

    def split(self, cell: str) -> pd.DataFrame:
        """Read the split of a finished cell: a row per sample, as in `mitofm.data.splits.part.Split`."""
        return read_split(self._folder(cell) / "split.parquet")

    def agreement(self, cell: str) -> pd.Series:
        """Read the experts' agreement (`mitofm.data.votes`) by sample_id; empty if the data set has no votes."""
        table = read_split(self._folder(cell) / "split.parquet", ["agreement"])
        return table.set_index("sample_id")["agreement"] if "agreement" in table else pd.Series(dtype=object)

    def predictions_sha256(self, cell: str) -> str:
        """The sha256 (hex) of the file of a finished cell's predictions."""
        return Sum.of(read_bytes(self._folder(cell) / "predictions.parquet")).sha256

    def config(self, cell: str) -> dict[str, Any]:
        """Read the config of a cell (`mitofm.runs.folder.read_config`)."""
        try:
            return read_config(self._folder(cell))
        except DamagedCell:
            raise
        except MitofmError as error:
            raise DamagedCell(self._folder(cell) / "config.yaml", error) from error

    def without(self, damaged: DamagedCell) -> Collected:
        """These cells, with the one that is damaged marked as such."""
        cells = self.cells.copy()
        cells.loc[cells["cell"] == damaged.cell, ["state", "reason"]] = [DAMAGED, damaged.reason]
        return replace(self, cells=cells)

    def _folder(self, cell: str) -> Path:
        return self.runs / "cells" / cell


def collect(runs: Path, study: str | None = None) -> Collected:
    """The cells that `study` names, or every cell under `runs`; MitofmError if there is no such study, or no cell at all."""
    listed = studies.read(runs, study) if study is not None else None
    folders = [one for one in (runs / "cells").glob("*") if one.is_dir() and not one.name.startswith(".")]
    names = listed.cells if listed else [folder.name for folder in folders]
    if not names:
        way_out = "run `mitofm train` first, or set paths.runs to where they are"
        raise MitofmError(f"no cells in {runs / 'cells'}: {way_out}")
    rows = [_read_row(CellFolder(runs, name)) for name in sorted(set(names))]
    not_started = listed.not_started()[0] if listed else []
    rows += [{"cell": choices, "state": PLANNED, "reason": "not started"} for choices in not_started]
    cells = pd.DataFrame(rows)
    extra = sorted(set(cells.columns) - set(COLUMNS))
    cells = cells.reindex(columns=[*COLUMNS, *extra]).astype(dict.fromkeys(_WHOLE, "Int64"))
    cells = cells.astype(object).where(cells.notna(), None)
    if listed is None:
        return Collected(runs, cells)
    return Collected(runs, cells, listed.stated, listed.count_damaged(), listed.describe_loss())


def spell_seeds(seed: float, split_seed: float | None = None, training_seed: float | None = None) -> str:
    """The seed of a cell, or SPLIT/TRAINING if its split and its training have others. None and NaN are no seed of their own."""
    split, training = (int(seed if own is None or pd.isna(own) else own) for own in (split_seed, training_seed))
    return f"{split}" if split == training else f"{split}/{training}"


def _read_row(cell: CellFolder) -> dict[str, Any]:
    state = cell.read_state()
    done = state is State.DONE
    row: dict[str, Any] = {
        "cell": cell.path.name,
        "state": state.value,
        "reason": "" if done else remove_folders(cell.read_reason()),
    }
    if state in _MISSING:
        row |= {"state": MISSING, "reason": _MISSING[state]}
    try:
        if done or (cell.path / "cell.json").is_file():
            row |= _read_labels(cell.path / "cell.json", _NUMBERS + _COUNTED * done)
        if done:
            check_sizes(cell.path)
            metrics = read_metrics(cell.path / "metrics.json")
            found = metrics["threshold"]
            row.setdefault("protocol_version", _FIRST_WITH_LOGIT if "logit" in found else _LAST_WITHOUT)
            row |= {
                "prior_logit": read_shift(metrics),
                "threshold": found["value"],
                "threshold_rule": found.get("rule"),
                "threshold_logit": read_logit(found),
                "settings_tried": count_tried(metrics.get("chosen")),
            }
            cost = read_stored(cell.path / "cost.json") if has_file(cell.path / "cost.json") else {}
            row |= {key: value for key, value in cost.items() if key in COST and isinstance(value, int | float)}
    except DamagedCell as damaged:
        row |= {"state": DAMAGED, "reason": damaged.reason} if done else {}
    return row


def _read_labels(file: Path, numbers: Sequence[str]) -> dict[str, Any]:
    labels = read_stored(file).get("labels")
    kinds: dict[str, Any] = dict.fromkeys(_WORDS, str) | dict.fromkeys(numbers, int | float)
    if isinstance(labels, dict) and "protocol_version" in labels:  # up to 0.1 it was not a label
        kinds["protocol_version"] = int
    if not isinstance(labels, dict) or not all(isinstance(labels.get(key), kind) for key, kind in kinds.items()):
        raise DamagedCell(file, ValueError("a label is absent or of another kind"))
    return labels


def read_metrics(file: Path) -> dict[str, Any]:
    """Read the `metrics.json` of a finished cell; DamagedCell if it is absent or damaged."""
    found = read_stored(file)
    try:
        numbers = [found["threshold"]["value"], found["threshold"].get("logit", 0.0), read_shift(found)]
        for values in found["sets"].values():
            numbers += [values[count] for count in ("n", "n_positive", "n_slides")]
            numbers += [value for value in values.values() if value is not None]
        if not all(isinstance(number, int | float) for number in numbers):
            raise ValueError("a metric is no number")
        return found
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise DamagedCell(file, error) from error
