"""All metrics of the same seeds estimated at once: what `limits.estimate` gives for each of them, in a tenth of the time.

A report of ten thousand cells has three hundred thousand estimates, of which few are looked at one by one: they are numbers in
an array until somebody asks for one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from math import isnan
from typing import Any

import numpy as np
from scipy.special import expit, logit, stdtrit

from mitofm.evaluation import limits, statistics
from mitofm.evaluation.metrics import UNBOUNDED
from mitofm.evaluation.replicates import Replicates
from mitofm.evaluation.statistics import LEVEL, MINIMUM_EFFECTIVE, MINIMUM_SLIDES, Estimate

_TAIL = (1 - LEVEL) / 2
NUMBERS = (
    "value",
    "low",
    "high",
    "standard_error",
    "slide_error",
    "seed_sd",
    "training_sd",
    "degrees",
    "slide_degrees",
)
_ALWAYS = ("degrees", "slide_degrees")
_OFTEN = "auroc"


@dataclass(frozen=True, eq=False)
class Estimates(Mapping[str, Estimate]):
    """The estimates of metrics by name.

    Attributes:
        places: of each name its row.
        numbers: (metrics, 9) of `NUMBERS`; NaN for None.
        shared: what all have in common: slides, effective_slides, seeds.
        whys: of each metric.
        apart: those that are not of all seeds.
    """

    places: Mapping[str, int]
    numbers: np.ndarray
    shared: Mapping[str, float]
    whys: Sequence[str] | np.ndarray
    apart: Mapping[str, Estimate] = field(default_factory=dict)
    _made: dict[str, Estimate] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Estimate:
        if name in self.apart:
            return self.apart[name]
        if name in self._made:
            return self._made[name]
        row = self.numbers[self.places[name]].tolist()
        known: dict[str, Any] = {
            key: None if isnan(number) and key not in _ALWAYS else number
            for key, number in zip(NUMBERS, row, strict=True)
        }
        known |= {**self.shared, "why": self.whys[self.places[name]], "bounded": name not in UNBOUNDED}
        if name == _OFTEN:
            self._made[name] = Estimate(**known)
            return self._made[name]
        return Estimate.make(known)

    def spell(self) -> dict[str, Any]:
        """All but the numbers as plain data, for `read`."""
        whys: dict[str, list[int]] = {}
        for place, why in enumerate(self.whys):
            if why:
                whys.setdefault(why, []).append(place)
        apart = {name: one.spell() for name, one in self.apart.items()}
        return {"shared": dict(self.shared), "whys": whys, "apart": apart}

    @classmethod
    def read(cls, places: Mapping[str, int], plain: Mapping[str, Any], numbers: np.ndarray) -> Estimates:
        """From what `spell` gives, and the numbers; what many have in common is one object."""
        whys = [""] * len(places)
        for why, rows in plain["whys"].items():
            for row in rows:
                whys[row] = why
        apart = {name: Estimate.of(one) for name, one in plain["apart"].items()}
        shared, told = _share(tuple(plain["shared"].items())), _share(tuple(whys))
        return cls(places, numbers, dict(shared), told, apart)

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)


@cache
def _share(plain: tuple[Any, ...]) -> tuple[Any, ...]:
    return plain


def estimate_all(seeds: Sequence[Replicates], metrics: Mapping[str, int]) -> Estimates:
    """The estimate of each of `metrics`, which have their places from 0 on: equal to `limits.estimate`."""
    return estimate_many([seeds], metrics)[0]


def estimate_many(measured: Sequence[Sequence[Replicates]], metrics: Mapping[str, int]) -> list[Estimates]:
    """As `estimate_all` of each: those whose seeds have the same slides, as cells of the same splits do, are estimated together."""
    alike: dict[tuple[int, ...], list[int]] = {}
    for place, seeds in enumerate(measured):
        parts = [part for one in seeds for part in (one.slides, one.negatives, one.positives, one.counted)]
        alike.setdefault(tuple(map(id, parts)), []).append(place)  # the same lists: all are in memory
    found: dict[int, Estimates] = {}
    for places in alike.values():
        found |= zip(places, _estimate_alike([measured[place] for place in places], metrics), strict=True)
    return [found[place] for place in range(len(measured))]


def _estimate_alike(measured: Sequence[Sequence[Replicates]], metrics: Mapping[str, int]) -> Iterator[Estimates]:
    """Of several whose seeds have the same slides."""
    first, asked = measured[0], list(metrics)
    names = sorted({name for seed in first for name in seed.slides})
    joined = np.stack([_join(seeds, asked, names) for seeds in measured])
    whole = np.isfinite(joined[..., 0]).all(axis=2)
    weights = statistics.weigh(first, names)
    effective, slides = statistics.count_effective(weights), len(names)
    shared = {"slides": slides, "effective_slides": effective, "seeds": len(first)}
    numbers = np.full((*whole.shape, len(NUMBERS)), np.nan)
    found = dict(zip(NUMBERS, np.moveaxis(numbers, 2, 0), strict=True))
    found["degrees"][:] = found["slide_degrees"][:] = 0.0
    found["value"][:] = joined[..., 0].mean(axis=2)
    if len(first) > 1:
        found["seed_sd"][:] = joined[..., 0].std(axis=2, ddof=1)
    whys = np.full(whole.shape, "", dtype=object)
    if slides < MINIMUM_SLIDES or effective < MINIMUM_EFFECTIVE:
        whys[:] = statistics.say_few(slides < MINIMUM_SLIDES)
    else:
        defined = whole & np.isfinite(joined).all(axis=(2, 3))
        whys[~defined] = "one slide holds a whole class"
        bounded = np.broadcast_to([name not in UNBOUNDED for name in asked], whole.shape)
        if defined.any():
            numbers[defined] = measure_rows(joined[defined], effective, bounded[defined])
        whys[defined & ~bounded & (found["standard_error"] == 0)] = "no slide makes a difference"
    for name, place in metrics.items():  # intervals that would mean nothing, as in `limits.estimate`
        if why := limits.find_reason(first, name):
            numbers[:, place, 1:4] = np.nan
            whys[:, place] = why
    for seeds, own, told, known in zip(measured, numbers, whys, whole, strict=True):
        apart = (
            {}
            if known.all()
            else {name: limits.estimate(seeds, name) for name, place in metrics.items() if not known[place]}
        )
        yield Estimates(metrics, own, shared, told, apart)


def _join(seeds: Sequence[Replicates], metrics: Sequence[str], names: Sequence[str]) -> np.ndarray:
    """(metrics, seeds, 1 + slides of all), as `statistics.join` of each metric."""
    joined = np.empty((len(metrics), len(seeds), 1 + len(names)))
    places = {name: place for place, name in enumerate(names, 1)}
    for number, seed in enumerate(seeds):
        values = seed.stack(metrics)
        if seed.slides == names:
            joined[:, number] = values
        else:
            joined[:, number] = values[:, :1]
            joined[:, number, [places[name] for name in seed.slides]] = values[:, 1:]
    return joined


def measure_rows(
    joined: np.ndarray, effective: float | np.ndarray, bounded: np.ndarray, least: float = 1.0
) -> np.ndarray:
    """(rows, 9) of `NUMBERS`: `statistics.estimate` of (rows, seeds, 1 + slides), all finite.

    `effective` slides are those of all rows or of each, (rows,); `bounded` (rows,) and `least` are as there.
    """
    _, seeds, slides = joined.shape[0], joined.shape[1], joined.shape[2] - 1
    each = joined[:, :, 0]
    value = each.mean(axis=1)
    influence = joined[:, :, 1:].mean(axis=1)
    squares = (influence - influence.mean(axis=1, keepdims=True)) ** 2
    total, fourth = squares.sum(axis=1), (squares**2).sum(axis=1)
    slide_error = np.sqrt((slides - 1) / slides * total)
    own = np.divide(total**2, fourth, out=np.full(total.shape, np.inf), where=(total > 0) & (fourth > 0))
    slide_degrees = np.minimum(effective - 1, np.maximum(least, own))
    error, degrees = slide_error.copy(), slide_degrees.copy()
    sd, training = np.full(value.shape, np.nan), np.full(value.shape, np.nan)
    if seeds > 1:
        sd = each.std(axis=1, ddof=1)
        training = np.sqrt(_measure_seed_variance(joined))
        of_slides, of_training = slide_error**2, training**2 / seeds
        variance = of_slides + of_training
        seen = (of_training + np.maximum(of_training, sd**2 / seeds)) / 2
        spread = of_slides**2 / degrees + seen**2 / (seeds - 1)
        degrees = np.divide(variance**2, spread, out=degrees, where=variance > 0)
        error = np.sqrt(variance)
    half = error * -stdtrit(degrees, _TAIL)
    low, high = value - half, value + half
    inside = bounded & (value > 0) & (value < 1)
    scaled = half[inside] / (value[inside] * (1 - value[inside]))
    low[inside], high[inside] = expit(logit(value[inside]) - scaled), expit(logit(value[inside]) + scaled)
    end = np.broadcast_to(_TAIL ** (1 / effective), value.shape)
    for exact, lower, upper in ((1.0, end, 1.0), (0.0, 0.0, 1 - end)):
        same = bounded & (value == exact)
        low, high = np.where(same, lower, low), np.where(same, upper, high)
    none = ~bounded & (error == 0)
    low[none] = high[none] = np.nan
    return np.stack([value, low, high, error, slide_error, sd, training, degrees, slide_degrees], axis=1)


def _measure_seed_variance(joined: np.ndarray) -> np.ndarray:
    """(metrics,) `statistics.measure_seed_variance` of each, in the very order of its sums: what is left is tiny."""
    _, seeds, slides = joined.shape[0], joined.shape[1], joined.shape[2] - 1
    apart = joined[:, :, 1:] - joined[:, :, 1:].mean(axis=2, keepdims=True)
    covariance = (slides - 1) / slides * apart @ apart.transpose(0, 2, 1)
    trace = np.trace(covariance, axis1=1, axis2=2)
    off = (covariance.reshape(len(joined), -1).sum(axis=1) - trace) / (seeds * (seeds - 1))
    return np.maximum(0.0, joined[:, :, 0].var(axis=1, ddof=1) - (trace / seeds - off))
