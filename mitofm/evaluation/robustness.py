"""Whether embeddings lie by class or by scanner (laboratory, domain): robustness indices of frozen features.

Of a sample's neighbours on other slides two kinds tell the two apart: those of its class from another scanner (helping), and
those of another class from its scanner (misleading).

- Robustness index (Kömen et al. 2025, arXiv 2507.17845): the helping ones' share of both among the k nearest, pooled over samples.
- Margin-aware index (Grisi et al. 2026, arXiv 2607.25497): the same, each neighbour counting exp(-distance / tau).
- CRoMa (the same): (b - a) / (b + a) of the mean distances a to the m nearest helping and b to the m nearest misleading
  samples; the median over samples, the mean of the lowest tenth, and the share of samples at or below 0.

All samples are one evaluation, as in the design "all" of the package croma, whose numbers these are. With more than two levels
or unequal classes embeddings that say nothing have no index of 0.5 and no CRoMa of 0: `chance` and `croma_chance` are theirs.

Intervals are over new slides: the jackknife leaves out every pair of a sample and its neighbour that the slide is part of, on
either side, and nobody moves up. k and tau stay those of all slides. Leaving out the asking side alone gives intervals that
are too short; these are too wide for the two indices (`benchmarks/robustness.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from sklearn.metrics import balanced_accuracy_score

from mitofm.evaluation import statistics
from mitofm.evaluation.neighbours import Neighbours, find_neighbours
from mitofm.evaluation.performance_drop import DROP, measure_drop
from mitofm.evaluation.replicates import Replicates
from mitofm.evaluation.statistics import Estimate
from mitofm.ground import fingerprints
from mitofm.ground.errors import MitofmError
from mitofm.ground.seeds import stream

K = (5, 11, 21)
"""From these k is the one of highest balanced accuracy of the nearest neighbours' vote (the first of equals)."""
PAIRS = 5
"""Neighbours of each kind in CRoMa."""
TAIL = 0.1
INDEX, MARGIN_INDEX, CROMA, CROMA_TAIL, CROMA_BELOW = (
    "robustness_index",
    "margin_index",
    "croma",
    "croma_tail",
    "croma_below",
)
METRICS = (INDEX, MARGIN_INDEX, CROMA, CROMA_TAIL, CROMA_BELOW)
_SHARE = "croma_share"


@dataclass(frozen=True)
class Robustness:
    """What one attribute, such as the scanner, is to embeddings.

    Attributes:
        estimates: of each of `METRICS`, with intervals over slides, and of the performance drop if it was asked for.
        k: of the indices.
        tau: of the margin-aware one: the median distance of the neighbours that count at k.
        chance: the robustness index of neighbours drawn at random.
        croma_chance: the median CRoMa if embeddings are dealt out to samples at random, once.
        support: share of the samples with a neighbour that counts among their k nearest.
        accuracy: balanced accuracy of the vote of k neighbours.
        levels: of the attribute, those that were compared.
        left_out: those with too few samples of either class to be compared.
        samples: how many were compared.
    """

    estimates: dict[str, Estimate]
    k: int
    tau: float
    chance: float
    croma_chance: float
    support: float
    accuracy: float
    levels: tuple[str, ...]
    left_out: tuple[str, ...]
    samples: int


def measure(
    table: pd.DataFrame,
    features: np.ndarray,
    by: str,
    candidates: Sequence[int] = K,
    pairs: int = PAIRS,
    drop: bool = False,
) -> Robustness:
    """Measure the embeddings of the samples of a table.

    Args:
        table: sample_id, slide, label and the column `by`, a row per sample.
        features: (n, d) in the table's order.
        by: the column whose values are not to matter: scanner, domain, ...
        candidates: odd numbers of neighbours, of which one is chosen.
        pairs: neighbours of each kind in CRoMa.
        drop: whether to train the probes of `performance_drop`, too, which takes longer than all else.

    Raises:
        MitofmError: as `find_levels`; a feature is not finite, or a candidate is even.
    """
    if even := [k for k in candidates if k % 2 == 0 or k < 1]:
        raise MitofmError(f"k={even[0]}: give odd numbers of neighbours, whose votes have no ties")
    named, enough = find_levels(table, by, pairs)
    if not np.isfinite(features).all():
        raise MitofmError(
            "the backbone gives embeddings that are not finite: check its weights, or take fit.precision=fp32"
        )
    table, kept = table.assign(**{by: named}), named.isin(enough).to_numpy()
    left_out = tuple(sorted(set(named.dropna()) - set(enough)))
    table, features = table[kept].reset_index(drop=True), np.asarray(features)[kept]
    samples = _Samples.of(table, by)
    every, *kinds = find_neighbours(features, samples.slides, samples.labels, samples.levels, max(candidates), pairs)
    accuracies = {k: _vote(samples, _keep_first(every, k)) for k in candidates}
    k = max(candidates, key=lambda one: accuracies[one])  # the first of equals
    evidence = _Evidence.of(samples, _keep_first(every, k))
    croma = _contrast(kinds, [np.isfinite(kind.distances) for kind in kinds])
    values = evidence.leave_out(samples) | _leave_out(samples, kinds, croma)
    counts = [np.bincount(samples.slides[samples.labels == label], minlength=len(samples.names)) for label in (0, 1)]
    negatives, positives = (count.astype(float).tolist() for count in counts)
    spelt = fingerprints.of(table[["sample_id", "slide", "label"]].astype(str).to_numpy().tolist())
    replicates = Replicates(samples.names, spelt, negatives, positives, values)
    return Robustness(
        estimates={metric: _estimate(replicates, metric, croma) for metric in METRICS}
        | ({DROP: measure_drop(table, features, by)} if drop else {}),
        k=k,
        tau=evidence.tau,
        chance=_measure_chance(samples),
        croma_chance=_shuffle(samples, features, pairs),
        support=float(evidence.counted.mean()),
        accuracy=accuracies[k],
        levels=tuple(enough),
        left_out=left_out,
        samples=len(table),
    )


@dataclass(frozen=True)
class _Samples:
    """n samples: their labels, and the numbers of their slides (places in `names`) and levels."""

    labels: np.ndarray
    slides: np.ndarray
    levels: np.ndarray
    names: list[str]

    @classmethod
    def of(cls, table: pd.DataFrame, by: str) -> _Samples:
        slides, names = pd.factorize(table["slide"].astype(str), sort=True)
        return cls(table["label"].to_numpy(), slides, pd.factorize(table[by])[0], list(names))


def find_levels(table: pd.DataFrame, by: str, pairs: int = PAIRS) -> tuple[pd.Series, list[str]]:
    """The values of the column `by` as text, (n,), and those of them that can be compared.

    These have, in each class, `pairs` samples even outside the slide with most of them.

    Raises:
        MitofmError: the table has no such column, or fewer than two of its values can be compared.
    """
    if by not in table or table[by].isna().all():
        raise MitofmError(
            f"data set {table['dataset'].iloc[0]!r} does not state the {by} of its samples; it has: {', '.join(table)}"
        )
    named = table[by].astype(str).where(table[by].notna())
    counts = pd.DataFrame({"level": named, "label": table["label"], "slide": table["slide"]}).value_counts(sort=False)
    left = counts.groupby(level=[0, 1]).agg(lambda cell: cell.sum() - cell.max())
    classes = table["label"].nunique()
    many = left[left >= pairs].groupby(level=0).size() == classes
    enough = sorted(many.index[many & (classes > 1)])
    if len(enough) < 2:
        raise MitofmError(
            f"{by}: {len(enough)} value(s) with enough samples of both classes on several slides "
            f"({', '.join(enough) or 'none'}); two are needed"
        )
    return named, enough


def _keep_first(every: Neighbours, k: int) -> Neighbours:
    return Neighbours(every.places[:, :k], every.distances[:, :k])


def _vote(samples: _Samples, near: Neighbours) -> float:
    """Balanced accuracy of the majority of the neighbours; samples without any do not count."""
    there = np.isfinite(near.distances)
    has = there.any(axis=1)
    positive = np.where(there, samples.labels[near.places], 0).sum(axis=1) > there.sum(axis=1) / 2
    return float(balanced_accuracy_score(samples.labels[has], positive[has].astype(int)))


@dataclass(frozen=True)
class _Evidence:
    """What the k neighbours of n samples say: (n, k) masks of those that help and mislead, and their weights by margin."""

    places: np.ndarray
    helps: np.ndarray
    misleads: np.ndarray
    margins: np.ndarray
    tau: float

    @classmethod
    def of(cls, samples: _Samples, near: Neighbours) -> _Evidence:
        there = np.isfinite(near.distances)
        equal = samples.labels[near.places] == samples.labels[:, None]
        same = samples.levels[near.places] == samples.levels[:, None]
        helps, misleads = there & equal & ~same, there & ~equal & same
        counted = near.distances[helps | misleads]
        tau = float(np.median(counted)) if counted.size else 0.0
        return cls(near.places, helps, misleads, np.exp(-near.distances / (tau or 1.0)), tau)

    @property
    def counted(self) -> np.ndarray:
        """(n,) whether any neighbour says something."""
        return (self.helps | self.misleads).any(axis=1)

    def leave_out(self, samples: _Samples) -> dict[str, np.ndarray]:
        """Both indices of all slides and without each: (1 + S,)."""
        of_neighbours, count = samples.slides[self.places].ravel(), len(samples.names)

        def add(weights: np.ndarray) -> np.ndarray:
            asking = np.bincount(samples.slides, weights.sum(axis=1), count)
            asked = np.bincount(of_neighbours, weights.ravel(), count)
            return np.concatenate([[weights.sum()], weights.sum() - asking - asked])

        found = {}
        for metric, weight in ((INDEX, np.ones(1)), (MARGIN_INDEX, self.margins)):
            helping, misleading = (add(np.where(kind, weight, 0.0)) for kind in (self.helps, self.misleads))
            whole = helping + misleading
            found[metric] = np.divide(helping, whole, out=np.full(len(whole), np.nan), where=whole > 0)
        return found


def _contrast(kinds: Sequence[Neighbours], kept: Sequence[np.ndarray]) -> np.ndarray:
    """(n,) CRoMa by the neighbours that are kept; identical samples of both kinds have 0."""
    helping, misleading = (
        np.where(one, kind.distances, 0.0).sum(axis=1) / one.sum(axis=1) for kind, one in zip(kinds, kept, strict=True)
    )
    total = helping + misleading
    return np.divide(misleading - helping, total, out=np.zeros_like(total), where=total > 0)


def _leave_out(samples: _Samples, kinds: Sequence[Neighbours], croma: np.ndarray) -> dict[str, np.ndarray]:
    """The metrics of CRoMa, those between -1 and 1 as shares, of all slides and without each: (1 + S,)."""
    median = float(np.median(croma))
    values = [_summarise(croma, median)]
    for slide in range(len(samples.names)):
        kept = []
        for kind in kinds:
            others = samples.slides[kind.places] != slide
            kept.append(
                np.where(others.any(axis=1, keepdims=True), others, True)
            )  # it cannot lose all of its neighbours
        values.append(_summarise(_contrast(kinds, kept)[samples.slides != slide], median))
    return {name: np.array([one[name] for one in values]) for name in values[0]}


def _summarise(croma: np.ndarray, median: float) -> dict[str, float]:
    """Each metric of these samples, and the share of them up to a given median."""
    lowest = croma[croma <= np.percentile(croma, 100 * TAIL)]
    return {
        CROMA_TAIL: (1 + float(lowest.mean())) / 2,
        CROMA_BELOW: float(np.mean(croma <= 0)),
        _SHARE: float(np.mean(croma <= median)),
    }


def _divide(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0 else float("nan")


def _estimate(replicates: Replicates, metric: str, croma: np.ndarray) -> Estimate:
    """With the interval. That of the median is between quantiles of all samples (Woodruff 1952, JASA 47:635): between which
    ones is what slides leave open of the share of samples up to it; leaving out single slides moves a median in steps."""
    if metric == CROMA:
        found = statistics.estimate([replicates], _SHARE)
        return _map(replace(found, value=0.5), lambda share: float(np.quantile(croma, share)))
    found = statistics.estimate([replicates], metric)
    return _map(found, lambda share: 2 * share - 1) if metric == CROMA_TAIL else found


def _map(found: Estimate, transform: Callable[[float], float]) -> Estimate:
    """The estimate of a function of what was estimated, with the ends of its interval transformed."""
    value, low, high = (None if at is None else transform(at) for at in (found.value, found.low, found.high))
    return replace(found, value=value, low=low, high=high, standard_error=None, slide_error=None)


def _shuffle(samples: _Samples, features: np.ndarray, pairs: int) -> float:
    dealt = stream(0, "robustness").permutation(len(features))
    _, *kinds = find_neighbours(features[dealt], samples.slides, samples.labels, samples.levels, 1, pairs)
    return float(np.median(_contrast(kinds, [np.isfinite(kind.distances) for kind in kinds])))


def _measure_chance(samples: _Samples) -> float:
    """The index of neighbours drawn at random from the other slides, in expectation."""
    table = pd.DataFrame({"label": samples.labels, "level": samples.levels, "slide": samples.slides})

    def count(*keys: str) -> np.ndarray:
        """(n,) samples on other slides that have the same values of the keys."""
        every = table.groupby(list(keys))["label"].transform("size") if keys else len(table)
        return np.asarray(every - table.groupby([*keys, "slide"])["label"].transform("size"), dtype=float)

    others, both = count(), count("label", "level")
    helping, misleading = ((count(key) - both) / others for key in ("label", "level"))
    return _divide(helping.sum(), (helping + misleading).sum())
