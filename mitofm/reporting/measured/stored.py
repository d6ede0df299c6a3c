"""What the predictions of collected cells say, computed once per content."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, lru_cache
from typing import Any

import numpy as np
import pandas as pd

from mitofm.evaluation import statistics
from mitofm.evaluation.metrics import index_sets
from mitofm.evaluation.replicates import Replicates, pool_folds
from mitofm.evaluation.statistics import LEVEL, Estimate, Joined
from mitofm.evaluation.verdicts import find_range
from mitofm.ground.errors import MitofmError
from mitofm.reporting.measured.configurations import Group, name_seed
from mitofm.reporting.measured.grouping import group_by
from mitofm.reporting.measured.kept import Kept
from mitofm.reporting.measured.results import ALL, AUROC, Pair, Result
from mitofm.runs.collect import Collected
from mitofm.runs.contributions import Contributions
from mitofm.runs.measured import Counts

_CELLS_IN_MEMORY, _SEEDS_IN_MEMORY = 32, 256


_Sets = Mapping[str, Replicates]


class _OneMetric(Mapping[str, Replicates]):
    """What a cell measured by evaluation set, of AUROC alone: `values` has those of all sets, one after the other."""

    def __init__(self, sets: _Sets, values: np.ndarray) -> None:
        self._sets, self._values = sets, values

    def __getitem__(self, name: str) -> Replicates:
        at = 0
        for other, one in self._sets.items():
            width = 1 + len(one.slides)
            if other == name:
                values = {AUROC: self._values[at : at + width]}
                return Replicates(one.slides, one.samples, one.negatives, one.positives, values, one.counted)
            at += width
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._sets)

    def __len__(self) -> int:
        return len(self._sets)


class Stored:
    """What the predictions of collected cells say, by evaluation set: computed once per content, and kept."""

    def __init__(self, collected: Collected, kept: Kept) -> None:
        self.collected, self.kept = collected, kept
        self.thresholds = dict(zip(collected.cells["cell"], collected.cells["threshold_logit"], strict=True))
        shifts = collected.cells["prior_logit"].fillna(0.0).astype(float)
        self.shifts = dict(zip(collected.cells["cell"], shifts, strict=True))
        learned = collected.done[["cell", "n_train", "n_validation"]].itertuples(index=False)
        self._labels = {cell: (int(train), int(validation)) for cell, train, validation in learned}
        self._tested = lru_cache(maxsize=None)(collected.tested)
        self._predictions = lru_cache(maxsize=_CELLS_IN_MEMORY)(
            lambda cell: (table := collected.predictions(cell), index_sets(table))
        )
        contributions = collected.contributions or Contributions(collected.runs, kept.folder.parent)
        self._name_measured = contributions.name_measured
        self._samples = lru_cache(maxsize=_CELLS_IN_MEMORY)(contributions.sample)
        self.measured = lru_cache(maxsize=_CELLS_IN_MEMORY)(contributions.measure)
        self._whole = lru_cache(maxsize=_CELLS_IN_MEMORY)(self._replicates)
        self._seeds = lru_cache(maxsize=_SEEDS_IN_MEMORY)(self._pool)
        self._aurocs: dict[str, tuple[_Sets, np.ndarray]] = {}
        self._alike: dict[tuple[Any, ...], _Sets] = {}
        self._counts: dict[str, Counts] = {}
        self._with_votes: dict[str, bool] = {}
        self._ranges = cache(
            lambda members, degrees: kept.get(
                ["studentized range", members, degrees], lambda: find_range(members, degrees)
            )
        )
        self._joined: dict[tuple[str, ...], Joined] = {}
        self.content = lru_cache(maxsize=None)(collected.predictions_sha256)
        self.config = lru_cache(maxsize=None)(collected.config)

    def contents(self, group: Group) -> list[str]:
        """The sha256 of the predictions of each of its cells."""
        return [self.content(cell) for cell in group.done.values()]

    def sets(self, group: Group) -> list[str]:
        """The evaluation sets of the group's cells, in their order."""
        return list(dict.fromkeys(name for cell in group.done.values() for name in self._sets(cell)))

    def seeds(self, group: Group, name: str) -> dict[str, Replicates]:
        """By seed the AUROC on the set `name`, on all its slides and without each; folds of a seed are pooled."""
        return self._seeds(tuple(group.done.items()), name)[1]

    def measure(self, group: Group, name: str) -> dict[str, Replicates]:
        """As `seeds`, of every metric."""
        return pool_seeds(self._repetitions(group.done, name, every=True))

    def match(
        self, first: Result, second: Result, metric: str = AUROC
    ) -> tuple[dict[str, Replicates], dict[str, Replicates]]:
        """As `seeds`, of both results, made of the seeds and folds that both have; with a metric besides AUROC."""
        if metric == AUROC:
            (keys, one), (other_keys, other) = (
                self._seeds(tuple(side.group.done.items()), side.set) for side in (first, second)
            )
            if keys == other_keys:
                return one, other
        every = metric != AUROC
        sides = [self._repetitions(one.group.done, one.set, every) for one in (first, second)]
        one, other = ({key: side[key] for key in side if key in sides[0].keys() & sides[1].keys()} for side in sides)
        return pool_seeds(one), pool_seeds(other)

    def predictions(self, group: Group, name: str) -> dict[str, pd.DataFrame]:
        """By seed the predictions on the set `name`."""
        return {seed: self._pick_samples(cell, name) for seed, cell in group.done.items() if name in self._sets(cell)}

    def samples(self, group: Group, name: str) -> dict[str, dict[str, np.ndarray]]:
        """By seed the test samples on the set `name`, in the columns of `Contributions.sample`."""
        found = {}
        for seed, cell in group.done.items():
            if name in self._sets(cell):
                columns = self._samples(cell)
                inside = columns["evaluation_set"] == name if name != ALL else slice(None)
                found[seed] = {column: values[inside] for column, values in columns.items()}
        return found

    def compare(self, first: Result, second: Result, level: float | None = LEVEL) -> Pair:
        """AUROC of `first` minus that of `second` on the seeds of both; no value if their samples differ.

        Without an interval if `level` is None.
        """
        try:
            one, other = self.match(first, second)
            statistics.require_same_samples(one, other)
            return Pair(first, second, self._subtract(first, second, one, other, level))
        except MitofmError:
            return Pair(first, second, Estimate(None, why="not tested on the same samples"))

    def subtract_by_slide(self, first: Result, second: Result, level: float | None = LEVEL) -> Pair:
        """As `compare`, whatever samples of the slides each was tested on (`statistics.subtract_by_slide`)."""
        return Pair(first, second, self._subtract(first, second, *self.match(first, second), level))

    def compare_all(self, pairs: Sequence[tuple[Result, Result]], by_slide: bool = False) -> list[Pair]:
        """As `compare` or `subtract_by_slide` of each, without intervals; kept."""
        subtract = self.subtract_by_slide if by_slide else self.compare
        made_of = [["difference", by_slide, [[one.set, self._spell(one.group)] for one in pair]] for pair in pairs]
        found = self.kept.get_all(
            made_of, lambda lacking: (subtract(*pairs[place], None).difference.spell(sides=True) for place in lacking)
        )
        return [Pair(*pair, Estimate.of(plain)) for pair, plain in zip(pairs, found, strict=True)]

    def spell_all(self, results: Iterable[Result]) -> list[list[tuple[str, str]]]:
        """For `kept`: of each the content of its predictions."""
        return [self._spell(one.group) for one in results]

    def spell_measured(self, group: Group) -> list[tuple[str, str]]:
        """For `kept`: the content of all that the group's cells measured."""
        return [(key, self._name_measured(cell)) for key, cell in group.done.items()]

    def _spell(self, group: Group) -> list[tuple[str, str]]:
        """The content of the predictions of each seed and fold."""
        return [(key, self.content(cell)) for key, cell in group.done.items()]

    def _subtract(
        self,
        first: Result,
        second: Result,
        one: Mapping[str, Replicates],
        other: Mapping[str, Replicates],
        level: float | None,
    ) -> Estimate:
        defined = [seed for seed in one if all(np.isfinite(side[seed].of(AUROC)[0]) for side in (one, other))]
        if not defined:
            return statistics.subtract_by_slide(one, other, AUROC)
        common = first.group.done.keys() & second.group.done.keys()
        sides = []
        for result, seeds in ((first, one), (second, other)):
            cells = (cell for repetition, cell in result.group.done.items() if repetition in common)
            key = (result.set, *defined, *cells)
            if key not in self._joined:
                self._joined[key] = Joined.of([seeds[seed] for seed in defined], AUROC)
            sides.append(self._joined[key])
        return statistics.subtract_joined(sides[0], sides[1], level)

    def find_range(self, members: int, degrees: float) -> float:
        """As `verdicts.find_range`, remembered."""
        return self._ranges(members, degrees)

    def count_learned(self, group: Group) -> list[tuple[int, int]]:
        """Training and validation samples of each seed."""
        return [self._labels[cell] for cell in group.done.values()]

    def count_labels(self, group: Group) -> float:
        """Labels bought, for training and validation together: the mean over seeds."""
        return sum(map(sum, self.count_learned(group))) / len(group.done)

    def count_tested(self, group: Group, name: str) -> list[tuple[int, int, int]]:
        """Test samples, positives among them and slides of each seed on the set `name`."""
        found = (self._tested(cell).get(name) for cell in group.done.values())
        return [(counts[0], counts[1], counts[2]) for counts in found if counts is not None]

    def _pool(self, cells: Iterable[tuple[str, str]], name: str) -> tuple[set[str], dict[str, Replicates]]:
        """Of AUROC on a set: in which seeds and folds it was measured, and by seed the pooled ones."""
        found = self._repetitions(dict(cells), name)
        return {*found}, pool_seeds(found)

    def _repetitions(self, cells: Mapping[str, str], name: str, every: bool = False) -> dict[str, Replicates]:
        read = self._whole if every else self._sets
        found = {key: read(cell).get(name) for key, cell in cells.items()}
        return {key: measured for key, measured in found.items() if measured is not None}

    def counts(self, cell: str) -> Counts:
        """The counts by slide of a cell."""
        if cell not in self._counts:
            self._replicates(cell)
        return self._counts[cell]

    def has_votes(self, cell: str) -> bool:
        """Whether it is known of a cell's samples on which ones experts agree."""
        if cell not in self._with_votes:
            self._whole(cell)
        return self._with_votes.get(cell, False)

    def note_votes(self, group: Group, known: Sequence[bool]) -> None:
        """Of each cell of a group what `has_votes` says."""
        self._with_votes |= zip(group.done.values(), known, strict=True)

    def _pick_samples(self, cell: str, name: str) -> pd.DataFrame:
        table, sets = self._predictions(cell)
        return table.iloc[sets[name]]

    def _replicates(self, cell: str) -> Mapping[str, Replicates]:
        measured = self.measured(cell)
        self._with_votes[cell] = bool(measured.agreed)
        # Copies: else all that was measured would stay in memory with them.
        numbers = {name: column.copy() for name, column in measured.counts.numbers.items()}
        self._counts[cell] = replace(measured.counts, numbers=numbers)
        return measured.sets

    def _sets(self, cell: str) -> Mapping[str, Replicates]:
        """Of one metric alone: that of all cells stays in memory, what cells of one split have in common once."""
        if cell not in self._aurocs:
            sets = self._whole(cell)
            alike = tuple((name, id(one.slides), id(one.negatives)) for name, one in sets.items())
            if alike not in self._alike:  # where they are tells them apart: all are kept
                self._alike[alike] = {name: replace(one, values={}) for name, one in sets.items()}
            aurocs = [np.array(one.values[AUROC], dtype=float) for one in sets.values()]
            self._aurocs[cell] = self._alike[alike], np.concatenate(aurocs) if aurocs else np.empty(0)
        return _OneMetric(*self._aurocs[cell])


def pool_seeds(repetitions: Mapping[str, Replicates]) -> dict[str, Replicates]:
    """By seed, from what each seed and fold measured."""
    return {
        seed: pool_folds([repetitions[key] for key in keys]) for seed, keys in group_by(repetitions, name_seed).items()
    }
