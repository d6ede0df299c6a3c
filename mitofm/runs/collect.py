"""Many cells as tables: their states, labels and measurements. A cell that is not finished has a row with its reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from mitofm.ground import below
from mitofm.ground.errors import MitofmError
from mitofm.ground.places import remove_folders
from mitofm.runs.books import studies
from mitofm.runs.contributions import Contributions
from mitofm.runs.folder import CellFolder, DamagedCell, State, check_sizes, read_bytes, read_config
from mitofm.runs.keys import LABELS
from mitofm.runs.looking import look
from mitofm.runs.said import (
    ANNOTATIONS,
    COST,
    Said,
    describe_choice,
    read_cost,
    read_device,
    read_labels,
    read_metrics,
    read_origin,
    read_tested,
)
from mitofm.runs.sums import Sum
from mitofm.runs.tables import read_predictions, read_split

DONE, FAILED, SKIPPED = State.DONE.value, State.FAILED.value, State.SKIPPED.value
MISSING, DAMAGED, PLANNED = "missing", "damaged", "planned"
_MISSING = {State.TO_DO: "not started"} | dict.fromkeys((State.INTERRUPTED, State.RUNNING), "interrupted or running")
_FURTHER = ("positive", "negative", "n_train", "n_validation", "test_only", "slide_unit", "seen", "leaks")
"""Labels that are no value of a key."""
_CHOSEN = ("threshold", "threshold_logit", "threshold_rule", "prior_logit", "settings_tried")
_WHOLE = ("protocol_version", "settings_tried")
COLUMNS = ("cell", "state", "reason", *LABELS, *_FURTHER, *_CHOSEN, *COST, ANNOTATIONS)
"""Those of `Collected.cells` that are always there."""


@dataclass(frozen=True)
class Collected:
    """The cells of a study, or all cells. Reading a file of a cell raises DamagedCell if it is absent or damaged.

    Attributes:
        runs: the folder that holds `cells/` and `studies/`.
        cells: one row per cell, sorted by name: cell, state (DONE, FAILED, SKIPPED, damaged or missing), reason, the labels of
            its `cell.json`, threshold (a probability), threshold_logit, threshold_rule, prior_logit, settings_tried (see
            `choice.py`), the columns of its `cost.json`, and
            the fingerprint of its annotations; None if unknown. Then the cells of a sweep that were not started,
            named by their choices.
        stated: the comparisons that the study stated before it ran; None if it stated none.
        damaged_lines: of the study's journal, which may have named further cells.
        lost: what else is missing of the study's books, in words; "" if nothing is known to be.
        said: of finished cells whose files were seen to be whole, what the small ones say; the files of others are read.
        contributions: what is kept of them.
    """

    runs: Path
    cells: pd.DataFrame
    stated: Mapping[str, Any] | None = None
    damaged_lines: int = 0
    lost: str = ""
    said: Mapping[str, Said] = field(default_factory=dict)
    contributions: Contributions | None = None

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

    def tested(self, cell: str) -> Mapping[str, Sequence[int]]:
        """By evaluation set of a finished cell: samples, positives among them, and slides."""
        if cell in self.said:
            return self.said[cell].tested
        return read_tested(read_metrics(self._folder(cell) / "metrics.json"))

    def device(self, cell: str) -> str:
        """What a cell ran on; "" if that is not recorded."""
        return self.said[cell].device if cell in self.said else read_device(self._folder(cell))

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
        if cell in self.said and self.contributions is not None:
            return self.contributions.predictions_sha256(cell)
        return Sum.of(read_bytes(self._folder(cell) / "predictions.parquet")).sha256

    def config(self, cell: str) -> dict[str, Any]:
        """Read the config of a cell (`mitofm.runs.folder.read_config`); nobody changes it."""
        if cell in self.said:
            return dict(self.said[cell].config)
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


def collect(runs: Path, study: str | None = None, cache: Path | None = None) -> Collected:
    """The cells that `study` names, or every cell under `runs`; MitofmError if there is no such study, or no cell at all.

    With `cache` what the files of finished cells say is kept there: if none has changed, they are not read again.
    """
    listed = studies.read(runs, study) if study is not None else None
    names = list(listed.cells) if listed else _list_cells(runs)
    if not names:
        way_out = "run `mitofm train` first, or set paths.runs to where they are"
        raise MitofmError(f"no cells in {runs / 'cells'}: {way_out}")
    contributions = None if cache is None else Contributions(runs, cache)
    rows, said = _read_rows(runs, sorted(set(names)), contributions)
    not_started = listed.not_started()[0] if listed else []
    rows += [{"cell": choices, "state": PLANNED, "reason": "not started"} for choices in not_started]
    cells = pd.DataFrame(rows)
    extra = sorted(set(cells.columns) - set(COLUMNS))
    cells = cells.reindex(columns=[*COLUMNS, *extra]).astype(dict.fromkeys(_WHOLE, "Int64"))
    cells = cells.astype(object).where(cells.notna(), None)
    if listed is None:
        return Collected(runs, cells, said=said, contributions=contributions)
    damaged, lost = listed.count_damaged(), listed.describe_loss()
    return Collected(runs, cells, listed.stated, damaged, lost, said, contributions)


def _list_cells(runs: Path) -> list[str]:
    return [one.name for one in (runs / "cells").glob("*") if one.is_dir() and not one.name.startswith(".")]


def _read_rows(
    runs: Path, names: Sequence[str], contributions: Contributions | None
) -> tuple[list[dict[str, Any]], dict[str, Said]]:
    """A row of each cell, and what is kept of those that are known to be whole."""
    if contributions is None:
        return [_read_row(CellFolder(runs, name)) for name in names], {}
    below.close(runs)
    place = str(below.check(runs / "cells"))
    rows, known = [], {}
    with contributions:
        for name in names:
            seen = look(f"{place}/{name}")
            said = contributions.say(name, seen) if seen.state is State.DONE else None
            if said is None:
                rows.append(_read_row(CellFolder(runs, name)))
            else:
                rows.append({"cell": name, "state": DONE, "reason": "", **said.row})
                known[name] = replace(said, row={})  # which is in the rows now
    return rows, known


def spell_seeds(seed: float, split_seed: float | None = None, training_seed: float | None = None) -> str:
    """The seed of a cell, or SPLIT/TRAINING if its split and its training have others. None and NaN are no seed of their own."""
    split, training = (int(seed if own is None or pd.isna(own) else own) for own in (split_seed, training_seed))
    return f"{split}" if split == training else f"{split}/{training}"


def _read_row(cell: CellFolder) -> dict[str, Any]:
    """Of a cell that is not finished, or whose files are to be read."""
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
            row |= read_labels(cell.path / "cell.json", done)
        if done:
            check_sizes(cell.path)
            row |= describe_choice(row, read_metrics(cell.path / "metrics.json"))
            row |= read_cost(cell.path) | read_origin(cell.path)
    except DamagedCell as damaged:
        row |= {"state": DAMAGED, "reason": damaged.reason} if done else {}
    return row
