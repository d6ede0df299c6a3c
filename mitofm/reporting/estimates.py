"""Each configuration's metrics on each evaluation set, with their intervals, from stored predictions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import pandas as pd

from mitofm.evaluation import statistics
from mitofm.evaluation.metrics import FIXED_THRESHOLD, evaluation_sets
from mitofm.evaluation.statistics import Estimate
from mitofm.reporting.configurations import Configuration, Group
from mitofm.runs.collect import Collected

ALL, DOMAIN = "all", "domain:"
AUROC, BALANCED, BALANCED_CHOSEN = "auroc", "balanced_accuracy", "balanced_accuracy_chosen"
_CELLS_IN_MEMORY = 32


@dataclass(frozen=True)
class Result:
    """One configuration on one evaluation set: its group of cells, and the estimate of each metric by name."""

    group: Group
    set: str
    metrics: Mapping[str, Estimate]

    @property
    def configuration(self) -> Configuration:
        """What was measured."""
        return self.group.configuration

    @property
    def auroc(self) -> Estimate:
        """The primary endpoint."""
        return self.metrics[AUROC]


class Stored:
    """The predictions of collected cells by evaluation set; those last used stay in memory."""

    def __init__(self, collected: Collected) -> None:
        self.thresholds = dict(zip(collected.cells["cell"], collected.cells["threshold"], strict=True))
        self._sets = lru_cache(maxsize=_CELLS_IN_MEMORY)(lambda cell: evaluation_sets(collected.predictions(cell)))

    def sets(self, group: Group) -> list[str]:
        """The evaluation sets of the group's cells, in their order."""
        return list(dict.fromkeys(name for cell in group.done.values() for name in self._sets(cell)))

    def ranking(self, group: Group, name: str) -> dict[str, pd.DataFrame]:
        """By seed the predictions on the set `name`, scored by logit."""
        return {seed: statistics.ranking(part) for seed, part in self._parts(group, name)}

    def decisions(self, group: Group, name: str, threshold: float | None = None) -> dict[str, pd.DataFrame]:
        """By seed the predictions on the set `name`, decided at `threshold` or else at the one each cell chose."""
        return {
            seed: statistics.decisions(part, self.thresholds[group.done[seed]] if threshold is None else threshold)
            for seed, part in self._parts(group, name)
        }

    def _parts(self, group: Group, name: str) -> Iterable[tuple[str, pd.DataFrame]]:
        for seed, cell in group.done.items():
            sets = self._sets(cell)
            if name in sets:
                yield seed, sets[name]


def measure(stored: Stored, groups: Iterable[Group]) -> list[Result]:
    """The results of every group with a finished cell on each of its evaluation sets; of domains the AUROC only."""
    results = []
    for group in groups:
        for name in stored.sets(group):
            scored = {AUROC: stored.ranking(group, name)}
            if not name.startswith(DOMAIN):
                scored[BALANCED] = stored.decisions(group, name, FIXED_THRESHOLD)
                scored[BALANCED_CHOSEN] = stored.decisions(group, name)
            estimates = {metric: statistics.estimate(list(seeds.values())) for metric, seeds in scored.items()}
            results.append(Result(group, name, estimates))
    return results


def primary(results: Iterable[Result]) -> list[Result]:
    """The results on the named evaluation sets of each configuration; on all test cells where it names none."""
    results = [result for result in results if not result.set.startswith(DOMAIN)]
    named = {result.configuration for result in results if result.set != ALL}
    return [result for result in results if (result.set != ALL) == (result.configuration in named)]


def by_domain(results: Iterable[Result]) -> list[Result]:
    """The results on single test domains."""
    return [result for result in results if result.set.startswith(DOMAIN)]


def adaptation_order(collected: Collected, groups: Iterable[Group]) -> list[str]:
    """All adaptations by the number of parameters they train (median over cells; unknown last), then by name."""
    parameters = dict(zip(collected.cells["cell"], collected.cells["trained_parameters"], strict=True))
    trained: dict[str, list[float]] = {}
    for group in groups:
        known = [parameters[cell] for cell in group.done.values() if parameters[cell] is not None]
        trained.setdefault(group.configuration.adaptation, []).extend(known)
    return sorted(
        trained, key=lambda name: (sorted(trained[name])[len(trained[name]) // 2 :][:1] or [float("inf")], name)
    )
