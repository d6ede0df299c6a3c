"""A study before it runs, as collected cells: their splits are known, what they will measure is drawn at random.

So a design is judged by the very code that reports: whatever the cells will measure, what random numbers on the same test
slides cannot decide, they cannot either.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from mitofm.data.splits.part import TEST, Split
from mitofm.evaluation import metrics, statistics
from mitofm.evaluation.replicates import Replicates
from mitofm.evaluation.statistics import Estimate
from mitofm.ground.seeds import stream
from mitofm.reporting.measured.configurations import Group
from mitofm.reporting.measured.kept import Kept
from mitofm.reporting.measured.results import METRICS
from mitofm.reporting.measured.stored import Stored
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

    def tested(self, cell: str) -> Mapping[str, Sequence[int]]:
        """Nothing."""
        return {}

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
        finished.said,
        finished.contributions,
        {name: split for name, (_, split) in coming.items()},
        {name: settings.config for name, (settings, _) in coming.items()},
    )


@dataclass(frozen=True)
class CountedSet:
    """The samples of a test set: its slides, the samples of either class on each (negatives, positives), weighted if their
    chances to test are known, and whether both classes are left in all of it and without each slide."""

    slides: list[str]
    negatives: list[float]
    positives: list[float]
    both: np.ndarray  # (1 + S,)

    @classmethod
    def of(cls, tested: pd.DataFrame) -> CountedSet:
        """Count the rows of test samples (slide, label, and test_chance if known)."""
        labels = tested["label"].to_numpy()
        codes, slides = pd.factorize(tested["slide"], sort=True)
        weights = metrics.weigh(tested)
        counted = np.ones(labels.size) if weights is None else weights

        def count(each: np.ndarray) -> np.ndarray:
            """(2, S) of either class on each slide."""
            return np.stack([np.bincount(codes, each * (labels == label), len(slides)) for label in (0, 1)])

        samples = count(np.ones(labels.size))
        left = np.hstack([np.zeros((2, 1)), samples])
        negatives, positives = count(counted).tolist()
        both = (samples.sum(axis=1, keepdims=True) - left > 0).all(axis=0)
        return cls(list(map(str, slides)), negatives, positives, both)

    def imagine(self, named: Iterable[str]) -> Replicates:
        """Random metrics on these samples, as `replicate` gives real ones; `named` is what the numbers are drawn from."""
        drawn = _MIDDLE + _SPREAD * stream(0, "foreseen", *named).standard_normal(self.both.size)
        values = [float(value) if defined else None for value, defined in zip(drawn, self.both, strict=True)]
        return Replicates(self.slides, "", self.negatives, self.positives, dict.fromkeys(METRICS, values))


class Imagined(Stored):
    """What foreseen cells could say: metrics drawn at random, defined only if the test slides define them.

    Cells of one split share its test sets. Random numbers decide nothing of whether there is an interval, so configurations
    whose cells share their splits, seed by seed, share the estimates.
    """

    def __init__(self, foreseen: Foreseen, kept: Kept) -> None:
        super().__init__(foreseen, kept)
        self._splits = foreseen.splits
        self._counted: dict[str | int, dict[str, CountedSet]] = {}
        self._estimates: dict[tuple[Any, ...], Estimate] = {}

    def sets(self, group: Group) -> list[str]:
        """The evaluation sets of the group's cells, in their order."""
        return list(dict.fromkeys(name for cell in group.done.values() for name in self._count(cell)))

    def estimate(self, group: Group, name: str) -> Estimate:
        """The estimate of the AUROC on the set `name`."""
        key = (name, *((seed, self._find_split(cell)) for seed, cell in group.done.items()))
        if key not in self._estimates:
            self._estimates[key] = statistics.estimate(list(self.seeds(group, name).values()))
        return self._estimates[key]

    def _find_split(self, cell: str) -> str | int:
        """What cells of one split have in common; of a finished cell its name."""
        return id(self._splits[cell]) if cell in self._splits else cell

    def _count(self, cell: str) -> dict[str, CountedSet]:
        split = self._find_split(cell)
        if split not in self._counted:
            table, sets = self._predictions(cell)
            self._counted[split] = {name: CountedSet.of(table.iloc[rows]) for name, rows in sets.items()}
        return self._counted[split]

    def _replicates(self, cell: str) -> dict[str, Replicates]:
        return {name: tested.imagine((cell, name)) for name, tested in self._count(cell).items()}
