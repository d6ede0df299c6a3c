"""A study before it runs, as collected cells: their splits are known, what they will measure is drawn at random.

So a design is judged by the very code that reports: whatever the cells will measure, what random numbers on the same test
slides cannot decide, they cannot either.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from mitofm.data.splits.part import TEST, Split
from mitofm.evaluation import metrics
from mitofm.evaluation.replicates import Replicates
from mitofm.ground.seeds import stream
from mitofm.reporting.estimates import METRICS, Stored
from mitofm.runs.collect import COLUMNS, DONE, Collected
from mitofm.training.labels import collect_labels
from mitofm.training.settings import Settings

_MIDDLE, _SPREAD = 0.7, 0.01


@dataclass(frozen=True)
class Foreseen(Collected):
    """Cells as if they had finished, and cells that have.

    Attributes:
        splits: of the cells to come, by name.
        configs: theirs.
    """

    splits: Mapping[str, Split] = field(default_factory=dict)
    configs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """None: nothing is measured yet."""
        return pd.DataFrame(columns=["cell", "set"])

    def predictions(self, cell: str) -> pd.DataFrame:
        """The test samples of a cell: slide, domain, label, evaluation_set, and the chance to test if it is known."""
        if cell not in self.splits:
            return super().predictions(cell)
        frame = self.splits[cell].frame
        return frame[frame["part"] == TEST].astype({"slide": str, "domain": str, "evaluation_set": str})

    def predictions_sha256(self, cell: str) -> str:
        """What tells the predictions of a cell from others."""
        return cell if cell in self.splits else super().predictions_sha256(cell)

    def config(self, cell: str) -> dict[str, Any]:
        """The config of a cell."""
        return dict(self.configs[cell]) if cell in self.configs else super().config(cell)


def foresee_cells(finished: Collected, coming: Mapping[str, tuple[Settings, Split]]) -> Foreseen:
    """The cells to come, by name with their settings and splits, beside those of `finished` that are others."""
    rows = [
        {"cell": name, "state": DONE, "reason": "", **collect_labels(settings, split)}
        for name, (settings, split) in coming.items()
    ]
    others = finished.done[~finished.done["cell"].isin(list(coming))]
    cells = pd.DataFrame([*others.to_dict("records"), *rows])
    cells = cells.reindex(columns=list(dict.fromkeys([*COLUMNS, *cells.columns]))).sort_values("cell")
    return Foreseen(
        finished.runs,
        cells.astype(object).where(cells.notna(), None).reset_index(drop=True),
        finished.stated,
        finished.damaged_lines,
        finished.lost,
        {name: split for name, (_, split) in coming.items()},
        {name: settings.config for name, (settings, _) in coming.items()},
    )


class Imagined(Stored):
    """What foreseen cells could say: metrics drawn at random, defined only if the test slides define them."""

    def _replicates(self, cell: str) -> dict[str, Replicates]:
        return {name: imagine(part, (cell, name)) for name, part in self._predictions(cell).items()}


def imagine(tested: pd.DataFrame, named: Iterable[str]) -> Replicates:
    """Random metrics on the test samples (slide, label, and test_chance if known), as `replicate` gives real ones.

    `named` is what the numbers are drawn from.
    """
    labels = tested["label"].to_numpy()
    codes, slides = pd.factorize(tested["slide"], sort=True)
    weights = metrics.weigh(tested)
    counted = np.ones(labels.size) if weights is None else weights

    def count(each: np.ndarray) -> np.ndarray:
        """(2, S) of either class on each slide."""
        return np.stack([np.bincount(codes, each * (labels == label), len(slides)) for label in (0, 1)])

    samples = count(np.ones(labels.size))
    left = np.hstack([np.zeros((2, 1)), samples])
    both = (samples.sum(axis=1, keepdims=True) - left > 0).all(axis=0)
    drawn = _MIDDLE + _SPREAD * stream(0, "foreseen", *named).standard_normal(both.size)
    values = [float(value) if defined else None for value, defined in zip(drawn, both, strict=True)]
    negatives, positives = count(counted).tolist()
    return Replicates(list(map(str, slides)), "", negatives, positives, dict.fromkeys(METRICS, values))
