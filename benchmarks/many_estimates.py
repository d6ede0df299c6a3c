"""Estimates of many draws at once: what `mitofm.evaluation.statistics` gives of each, by arrays of all of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mitofm.evaluation import at_once
from mitofm.evaluation.metrics import UNBOUNDED
from mitofm.evaluation.statistics import LEAST_DEGREES, MINIMUM_EFFECTIVE, MINIMUM_SLIDES, Estimate, say_few

# `values` are (D, seeds, 1 + S), of each seed on all slides, then without each, none of the first NaN. `weights` (D, S) are each
# slide's share of the samples; slides that no seed tests have 0 and do not count.


def weigh(negatives: np.ndarray, positives: np.ndarray) -> np.ndarray:
    """(D, S) as `statistics.weigh`, of (D, seeds, S) samples of each class."""
    counts = np.stack([negatives, positives])
    return (counts / np.maximum(counts.sum(axis=-1, keepdims=True), 1)).mean(axis=(0, 2))


def estimate(values: np.ndarray, weights: np.ndarray, metric: str) -> list[Estimate]:
    """As `statistics.estimate`."""
    found: dict[int, Estimate] = {}
    for draws, slides in _group(weights > 0):
        own = np.take_along_axis(weights[draws], slides, axis=1)
        each = _measure(_take(values[draws], slides), own, metric not in UNBOUNDED, 1.0)
        found.update(zip(draws.tolist(), each, strict=True))
    return [found[draw] for draw in range(len(values))]


def subtract(
    first: tuple[np.ndarray, np.ndarray], second: tuple[np.ndarray, np.ndarray], shared: bool
) -> list[Estimate]:
    """As `statistics.subtract_joined` of values and weights of an AUROC, without intervals; the slides are shared or others.

    There is no standard error if there can be no interval.
    """
    few = np.minimum(*((weights > 0).sum(axis=1) for _, weights in (first, second))) < MINIMUM_SLIDES
    if not shared:
        first, second = _place(first, before=False), _place(second, before=True)
    found: dict[int, Estimate] = {}
    for draws, slides in _group((first[1] > 0) | (second[1] > 0)):
        values = [_take(each[draws], slides) for each, _ in (first, second)]
        weights = [np.take_along_axis(each[draws], slides, axis=1) for _, each in (first, second)]
        sides = [_measure(*side, True, 1.0) for side in zip(values, weights, strict=True)]
        apart = _measure(values[0] - values[1], weights[0] + weights[1], False, LEAST_DEGREES)
        for draw, one, other, difference in zip(draws.tolist(), *sides, apart, strict=True):
            lacking = few[draw] or min(one.effective_slides, other.effective_slides) < MINIMUM_EFFECTIVE
            found[draw] = Estimate(
                **{
                    **vars(difference),
                    "standard_error": None if lacking else difference.standard_error or None,
                    "low": None,
                    "high": None,
                    "sides": (one, other),
                    "shared": shared,
                }
            )
    return [found[draw] for draw in range(len(few))]


def _place(side: tuple[np.ndarray, np.ndarray], before: bool) -> tuple[np.ndarray, np.ndarray]:
    """The same with as many slides that it lacks before or after its own."""
    values, weights = side
    none, same = np.zeros_like(weights), np.broadcast_to(values[..., :1], values[..., 1:].shape)
    parts = [same, values[..., 1:]] if before else [values[..., 1:], same]
    return (
        np.concatenate([values[..., :1], *parts], axis=-1),
        np.concatenate([none, weights] if before else [weights, none], axis=1),
    )


def _group(present: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Draws (d,) that have as many slides each, and their places (d, slides)."""
    counts = present.sum(axis=1)
    for count in np.unique(counts):
        draws = np.flatnonzero(counts == count)
        yield draws, np.nonzero(present[draws])[1].reshape(draws.size, count)


def _take(values: np.ndarray, slides: np.ndarray) -> np.ndarray:
    """(d, seeds, 1 + slides) of the slides alone."""
    if slides.shape[1] == values.shape[2] - 1:
        return values
    places = np.concatenate([np.zeros((len(slides), 1), dtype=int), 1 + slides], axis=1)
    return np.take_along_axis(values, places[:, None], axis=2)


def _measure(values: np.ndarray, weights: np.ndarray, bounded: bool, least: float) -> list[Estimate]:
    slides = weights.shape[1]
    effective = weights.sum(axis=1) ** 2 / (weights**2).sum(axis=1)
    with np.errstate(all="ignore"):
        rows = at_once.measure_rows(values, effective, np.full(len(values), bounded), least)
    known = np.isfinite(values).all(axis=(1, 2)) & (slides >= MINIMUM_SLIDES) & (effective >= MINIMUM_EFFECTIVE)
    found = []
    for row, count, whole in zip(rows.tolist(), effective.tolist(), known.tolist(), strict=True):
        numbers = dict(zip(at_once.NUMBERS, row, strict=True))
        if not whole:
            few = Estimate(
                numbers["value"], slides=slides, effective_slides=count, seeds=values.shape[1], why=say_few(True)
            )
            found.append(few)
            continue
        plain = {name: None if number != number else number for name, number in numbers.items()}
        found.append(
            Estimate(**plain, slides=slides, effective_slides=count, seeds=values.shape[1], bounded=bounded)  # type: ignore[arg-type]
        )
    return found
