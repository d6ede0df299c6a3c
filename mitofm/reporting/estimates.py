"""Each configuration's metrics on each evaluation set, with their intervals, from stored predictions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from math import inf, nan
from statistics import median_high
from typing import Any

import numpy as np
import pandas as pd

from mitofm.data.splits.part import OUT_OF_DOMAIN
from mitofm.evaluation import statistics
from mitofm.evaluation.at_once import NUMBERS, Estimates, estimate_many
from mitofm.evaluation.metrics import index_sets
from mitofm.evaluation.predictive_value import estimate_many_ppvs
from mitofm.evaluation.replicates import Replicates, pool_folds
from mitofm.evaluation.statistics import LEVEL, Estimate, Joined
from mitofm.evaluation.verdicts import find_range
from mitofm.ground.errors import MitofmError
from mitofm.reporting.configurations import Configuration, Group, name_confounders, name_seed
from mitofm.reporting.grouping import group_by
from mitofm.reporting.kept import Kept
from mitofm.runs.collect import Collected
from mitofm.runs.contributions import Contributions
from mitofm.runs.measured import Counts

ALL, DOMAIN = "all", "domain:"
AUROC = "auroc"
METRICS = {
    AUROC: "AUROC",
    "slide_macro_auroc": "AUROC inside slides",
    "domain_mean_auroc": "AUROC inside domains",
    "balanced_accuracy": "balanced accuracy at 0.5",
    "balanced_accuracy_chosen": "balanced accuracy at the chosen threshold",
    "average_precision": "average precision",
    "brier": "Brier score",
    "calibration_intercept": "calibration intercept",
    "calibration_slope": "calibration slope",
    "calibration_error": "calibration error",
    "calibration_noise": "calibration error of chance",
    "best_balanced_accuracy": "balanced accuracy at the best threshold",
    "sensitivity_chosen": "sensitivity at the chosen threshold",
    "specificity_chosen": "specificity at the chosen threshold",
    "weighted_f1": "weighted F1 at 0.5",
    "weighted_f1_chosen": "weighted F1 at the chosen threshold",
}
"""Every metric of `metrics.json`, the primary one first, and what reports call it."""
_PLACES = {name: place for place, name in enumerate(METRICS)}
_CELLS_IN_MEMORY, _SEEDS_IN_MEMORY = 32, 256
_GROUPS_AT_ONCE = 32  # that are estimated together


@dataclass(frozen=True)
class Result:
    """One configuration on one evaluation set: its group of cells, and the estimate of each metric by name.

    `ppvs` has by prevalence the positive predictive values, of what a report compares first, and `share_positive` is the share
    of positives there.
    """

    group: Group
    set: str
    metrics: Mapping[str, Estimate]
    ppvs: Mapping[float, Estimate] = field(default_factory=dict, kw_only=True)
    share_positive: float = field(default=nan, kw_only=True)

    @property
    def configuration(self) -> Configuration:
        """What was measured."""
        return self.group.configuration

    @property
    def named(self) -> str:
        """The model and the adaptation."""
        return f"{self.configuration.model}, {self.configuration.adaptation}"

    @property
    def confounded(self) -> str:
        """What else is missing from training with the domain that is left out and tested here, in words; "" if nothing."""
        left_out = self.configuration.left_out
        if not left_out or self.set not in (OUT_OF_DOMAIN, f"{DOMAIN}{left_out}"):
            return ""
        return name_confounders(self.group.confounded_with)

    @property
    def auroc(self) -> Estimate:
        """The primary endpoint."""
        return self.metrics[AUROC]


@dataclass(frozen=True)
class Pair:
    """Two results, and the AUROC of the first minus that of the second."""

    first: Result
    second: Result
    difference: Estimate

    @property
    def configuration(self) -> Configuration:
        """That of the first."""
        return self.first.configuration


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


def measure(stored: Stored, groups: Iterable[Group], prevalences: Sequence[float] = ()) -> list[Result]:
    """The results of every group with a finished cell on each of its evaluation sets; predictive values of the primary ones.

    They are kept by the content of what the group's cells measured.
    """
    groups, results = [group for group in groups if group.done], []
    for portion in (groups[at : at + _GROUPS_AT_ONCE] for at in range(0, len(groups), _GROUPS_AT_ONCE)):
        made_of = [["results", stored.spell_measured(group), list(METRICS), list(prevalences)] for group in portion]

        def compute(lacking: list[int], portion: Sequence[Group] = portion) -> Iterator[tuple[Any, bytes]]:
            return _measure(stored, [portion[place] for place in lacking], prevalences)

        for group, (plain, content) in zip(portion, stored.kept.get_stowed(made_of, compute), strict=True):
            stored.note_votes(group, plain["votes"])
            rows = np.frombuffer(content, dtype="<f8").reshape(-1, len(METRICS), len(NUMBERS))
            results += [
                _read(group, one, numbers, prevalences) for one, numbers in zip(plain["sets"], rows, strict=True)
            ]
    return results


def _measure(stored: Stored, groups: Sequence[Group], prevalences: Sequence[float]) -> Iterator[tuple[Any, bytes]]:
    """Of each of some groups, which are estimated together, the evaluation sets as plain data, and all numbers."""
    asked: list[str] = []
    seeds: list[list[Replicates]] = []
    primary: list[int] = []
    ends: list[int] = []
    for group in groups:
        names = stored.sets(group)
        named = [name for name in names if name != ALL and not name.startswith(DOMAIN)]
        primary += [len(asked) + place for place, name in enumerate(names) if prevalences and name in (named or [ALL])]
        asked += names
        seeds += [list(stored.measure(group, name).values()) for name in names]
        ends.append(len(asked))
    found = estimate_many(seeds, _PLACES)
    ppvs = dict(zip(primary, estimate_many_ppvs([seeds[place] for place in primary], prevalences), strict=True))
    for group, start, end in zip(groups, [0, *ends], ends, strict=False):
        sets = [
            found[place].spell()
            | {"name": asked[place], "share_positive": _share_positive(seeds[place])}
            | {"ppvs": [one.spell() for one in ppvs.get(place, {}).values()]}
            for place in range(start, end)
        ]
        votes = [stored.has_votes(cell) for cell in group.done.values()]
        numbers = np.array([found[place].numbers for place in range(start, end)])
        yield {"sets": sets, "votes": votes}, numbers.astype("<f8").tobytes()


def _share_positive(seeds: Iterable[Replicates]) -> float | None:
    positives, negatives = (sum(sum(getattr(seed, side)) for seed in seeds) for side in ("positives", "negatives"))
    return positives / (positives + negatives) if positives + negatives else None


def _read(group: Group, plain: Mapping[str, Any], numbers: np.ndarray, prevalences: Sequence[float]) -> Result:
    ppvs = dict(zip(prevalences, map(Estimate.of, plain["ppvs"]), strict=False))
    share = nan if plain["share_positive"] is None else plain["share_positive"]
    metrics = Estimates.read(_PLACES, plain, numbers)
    return Result(group, plain["name"], metrics, ppvs=ppvs, share_positive=share)


def pick_primary(results: Iterable[Result]) -> list[Result]:
    """The results on the named evaluation sets of each configuration; on all test samples if it names none."""
    results = [result for result in results if not result.set.startswith(DOMAIN)]
    named = {result.configuration for result in results if result.set != ALL}
    return [result for result in results if (result.set != ALL) == (result.configuration in named)]


def pick_domains(results: Iterable[Result]) -> list[Result]:
    """The results on single test domains."""
    return [result for result in results if result.set.startswith(DOMAIN)]


def order_adaptations(collected: Collected, groups: Iterable[Group]) -> list[str]:
    """All adaptations by the number of parameters they train (median over cells; unknown last), then by name."""
    parameters = dict(zip(collected.cells["cell"], collected.cells["trained_parameters"], strict=True))
    trained: dict[str, list[float]] = {}
    for group in groups:
        known = [parameters[cell] for cell in group.done.values() if parameters[cell] is not None]
        trained.setdefault(group.configuration.adaptation, []).extend(known)
    return sorted(trained, key=lambda name: (median_high(trained[name]) if trained[name] else inf, name))


def collect_names(results: Iterable[Result]) -> set[str]:
    """The models, adaptations and domains of `results`."""
    keys = [(result.configuration, result.set.removeprefix("domain:")) for result in results]
    return {name for key, tested in keys for name in (key.model, key.adaptation, key.train_domain, tested)}
