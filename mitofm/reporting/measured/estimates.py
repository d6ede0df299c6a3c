"""Each configuration's metrics on each evaluation set, with their intervals, from stored predictions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import inf, nan
from statistics import median_high
from typing import Any

import numpy as np

from mitofm.evaluation.at_once import NUMBERS, Estimates, estimate_many
from mitofm.evaluation.predictive_value import estimate_many_ppvs
from mitofm.evaluation.replicates import Replicates
from mitofm.evaluation.statistics import Estimate
from mitofm.reporting.measured.configurations import Group
from mitofm.reporting.measured.results import ALL, DOMAIN, METRICS, Result
from mitofm.reporting.measured.stored import Stored
from mitofm.runs.collect import Collected

_PLACES = {name: place for place, name in enumerate(METRICS)}
_GROUPS_AT_ONCE = 32  # that are estimated together


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


def order_adaptations(collected: Collected, groups: Iterable[Group]) -> list[str]:
    """All adaptations by the number of parameters they train (median over cells; unknown last), then by name."""
    parameters = dict(zip(collected.cells["cell"], collected.cells["trained_parameters"], strict=True))
    trained: dict[str, list[float]] = {}
    for group in groups:
        known = [parameters[cell] for cell in group.done.values() if parameters[cell] is not None]
        trained.setdefault(group.configuration.adaptation, []).extend(known)
    return sorted(trained, key=lambda name: (median_high(trained[name]) if trained[name] else inf, name))
