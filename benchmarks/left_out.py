"""Metrics of many score vectors at once, of all slides and without each: those of `mitofm.evaluation.metrics`, much faster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.special import expit

_ROUNDS, _LONGEST, _EXACT, _SEPARATED, _MANY = 60, 2.0, 1e-5, 50.0, 100_000
_FLATTEST = 1e-12
_FAR, _TERMS = 16, 10
"""Of a slide that has a sixteenth of the calls at most, so many terms of a series give the precisions without it to 1e-12."""
_LONG = 1_000
"""Samples of a row from which it is sorted alone."""
_MANY_SLIDES = 100
"""Of fewer it is as fast to sum precisions one by one."""
_AT_ONCE = 50_000
"""Numbers whose sums are made together: more do not stay in the processor's own memory."""


@dataclass(frozen=True)
class Rows:
    """The samples of R score vectors, end to end.

    Attributes:
        positive: (N,) their class.
        slide: (N,) places below `slides`.
        scores: (N,) distinct in each row; of a calibration the log-odds of probabilities.
        sizes: (R,) samples of each row, none of them 0.
        slides: S, of which a row may lack some.
    """

    positive: np.ndarray
    slide: np.ndarray
    scores: np.ndarray
    sizes: np.ndarray
    slides: int

    @classmethod
    def join(cls, parts: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]], slides: int) -> Rows:
        """Of the positive, slide and scores of each row."""
        positive, slide, scores = (np.concatenate(each) for each in zip(*parts, strict=True))
        return cls(positive, slide, scores, np.array([part[0].size for part in parts]), slides)

    def select(self, which: np.ndarray) -> Rows:
        """Of the rows that are True in `which` (R,)."""
        if which.all():
            return self
        own = which[self.row]
        return Rows(self.positive[own], self.slide[own], self.scores[own], self.sizes[which], self.slides)

    def divide(self, samples: int) -> Iterator[Rows]:
        """Portions of rows with about so many samples."""
        ends = np.cumsum(self.sizes)
        cuts = np.flatnonzero(np.diff((ends - 1) // samples)) + 1
        for first, last in zip([0, *cuts], [*cuts, ends.size], strict=True):
            own = slice(self.starts[first], ends[last - 1])
            yield Rows(self.positive[own], self.slide[own], self.scores[own], self.sizes[first:last], self.slides)

    def rescore(self, scores: np.ndarray) -> Rows:
        """The same with other scores (N,) in the same order."""
        same = replace(self, scores=scores)
        # What is known of one is true of both.
        known = ("row", "starts", "own", "order", "negatives", "positives")
        vars(same).update({name: vars(self)[name] for name in known if name in vars(self)})
        return same

    @cached_property
    def row(self) -> np.ndarray:
        """(N,) of each sample."""
        return np.repeat(np.arange(self.sizes.size), self.sizes)

    @cached_property
    def starts(self) -> np.ndarray:
        """(R,) the first sample of each row."""
        return np.cumsum(self.sizes) - self.sizes

    @cached_property
    def own(self) -> np.ndarray:
        """(N,) the place of each sample's slide among those of all rows."""
        return self.row * self.slides + self.slide

    @cached_property
    def order(self) -> np.ndarray:
        """(N,) by row, and in it by ascending score."""
        ends = self.starts + self.sizes
        return np.concatenate(
            [np.argsort(self.scores[start:end]) + start for start, end in zip(self.starts, ends, strict=True)]
        )

    @cached_property
    def negatives(self) -> np.ndarray:
        """(R, S) how many each slide has."""
        return self.count(self.own[~self.positive])

    @cached_property
    def positives(self) -> np.ndarray:
        """(R, S) likewise."""
        return self.count(self.own[self.positive])

    def count(self, own: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
        """(R, S) sums by slide of the `weights` of samples in the slides `own`."""
        return np.bincount(own, weights, self.sizes.size * self.slides).reshape(self.sizes.size, self.slides)


# Each gives (R, 1 + S) values: of all slides, then without each; those without a slide that a row lacks are those of all.


def jackknife_auroc(rows: Rows) -> np.ndarray:
    """Pairs won, less those of which the slide has the positive or the negative; those of which it has both count once."""
    positive, own = rows.positive[rows.order], rows.own[rows.order]
    negatives, positives = rows.negatives, rows.positives
    below = np.cumsum(~positive) - _sum_before(negatives.sum(axis=1))[rows.row]
    above = np.cumsum(positives.sum(axis=1))[rows.row] - np.cumsum(positive)
    by_positive = rows.count(own[positive], below[positive])
    by_negative = rows.count(own[~positive], above[~positive])
    slide, place = _sort_by_slide(own, rows.slides, rows.sizes)
    inside = positive[place]
    within = np.cumsum(~inside) - _sum_before(negatives.ravel())[slide]
    by_both = rows.count(slide[inside], within[inside])
    won = by_positive.sum(axis=1, keepdims=True) - _prepend(0, by_positive + by_negative - by_both)
    return won / (_without(negatives) * _without(positives))


def jackknife_balanced_accuracy(rows: Rows) -> np.ndarray:
    """The mean recall of the classes at 0."""
    recalls = []
    for side, counts in (
        (rows.positive & (rows.scores >= 0), rows.positives),
        (~rows.positive & (rows.scores < 0), rows.negatives),
    ):
        recalls.append(_without(rows.count(rows.own[side])) / _without(counts))
    return (recalls[0] + recalls[1]) / 2


def jackknife_average_precision(rows: Rows) -> np.ndarray:
    """The mean precision at the scores of the positives that are left."""
    both = (rows.negatives.sum(axis=1) > 0) & (rows.positives.sum(axis=1) > 0)
    found = np.full((both.size, 1 + rows.slides), np.nan)
    if rows.slides <= _MANY_SLIDES and both.any():
        found[both] = _jackknife_average_precision(rows.select(both))
    elif both.any():
        each = (rows.select(np.arange(both.size) == row) for row in np.flatnonzero(both))
        found[both] = np.concatenate([_jackknife_average_precision(row) for row in each])
    return found


def _jackknife_average_precision(rows: Rows) -> np.ndarray:
    """Of rows with both classes."""
    # From the highest score down, and so from the last row to the first.
    positive, slide = rows.positive[rows.order][::-1], rows.slide[rows.order][::-1]
    sizes, positives = rows.sizes[::-1], rows.positives[::-1]
    row = np.repeat(np.arange(sizes.size), sizes)
    ends = np.cumsum(positives.sum(axis=1))
    starts = ends - positives.sum(axis=1)
    place = np.cumsum(positive) - positive  # which positive's precision a sample is the first to count in
    calls = (np.arange(row.size) + 1 - _sum_before(sizes)[row])[positive]
    hits = np.arange(1, 1 + calls.size) - starts[row[positive]]

    slide, order = _sort_by_slide(row * rows.slides + slide, rows.slides, sizes)
    place, inside = place[order], positive[order]
    counts = rows.count(slide)
    own_calls = np.arange(1, 1 + slide.size) - _sum_before(counts.ravel())[slide]
    own_hits = np.cumsum(inside) - _sum_before(positives.ravel())[slide]
    first = np.repeat(ends, rows.slides)
    first[slide[own_calls == 1]] = place[own_calls == 1]
    until = np.append(place[1:], 0)
    last = own_calls == counts.ravel()[slide]
    until[last] = ends[slide[last] // rows.slides]

    # Before its first sample a slide has no calls: one more stretch of positives.
    none, all_slides = np.zeros_like(first), np.arange(first.size)
    stretches = (
        np.concatenate(pair)
        for pair in (
            (np.repeat(starts, rows.slides), place),
            (first, until),
            (none, own_hits),
            (none, own_calls),
        )
    )
    sums = rows.count(
        np.concatenate([all_slides, slide]), _sum_precisions(hits, calls, *stretches, one_row=sizes.size == 1)
    )
    at, own_hits, own_calls = place[inside], own_hits[inside], own_calls[inside]
    sums -= rows.count(slide[inside], (hits[at] - own_hits) / np.maximum(calls[at] - own_calls, 1))
    whole = np.add.reduceat(hits / calls, starts)[:, None] / positives.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        without = sums / _without(positives)[:, 1:]
    without[_without(rows.negatives[::-1])[:, 1:] == 0] = np.nan
    return np.concatenate([whole, without], axis=1)[::-1]


def _sum_precisions(
    hits: np.ndarray,
    calls: np.ndarray,
    start: np.ndarray,
    end: np.ndarray,
    own_hits: np.ndarray,
    own_calls: np.ndarray,
    one_row: bool,
) -> np.ndarray:
    """(segments,) the sum from `start` to before `end` of the precisions without a slide's own hits and calls till there.

    `hits` and `calls` are of all slides, (P,) at the positives. Of a row of many slides, whose own calls c are few beside all
    calls C, 1 / (C - c) is the series of c^k / C^(k + 1). Its sums over positives are differences of sums from each to the last:
    from the first on they would be rounded by calls that are far fewer.
    """
    sums = np.zeros(start.size)
    some = end > start
    far = one_row & some & (_FAR * own_calls <= calls[np.minimum(start, calls.size - 1)])
    near = np.flatnonzero(some & ~far)
    far = np.flatnonzero(far)
    if far.size:
        one, other, own, factor = start[far], end[far], own_hits[far], np.ones(far.size)
        power = 1 / calls
        for _ in range(_TERMS):
            of_hits, of_ones = (np.append(np.cumsum(each[::-1])[::-1], 0.0) for each in (hits * power, power))
            sums[far] += factor * ((of_hits[one] - of_hits[other]) - own * (of_ones[one] - of_ones[other]))
            factor, power = factor * own_calls[far], power / calls
    if near.size:
        lengths = end[near] - start[near]
        before = _sum_before(lengths)
        at = np.arange(lengths.sum()) + np.repeat(start[near] - before, lengths)
        precision = (hits[at] - np.repeat(own_hits[near], lengths)) / np.maximum(
            calls[at] - np.repeat(own_calls[near], lengths), 1
        )
        sums[near] = np.add.reduceat(precision, before)
    return sums


def jackknife_brier(rows: Rows) -> np.ndarray:
    """The mean squared distance of probability and label."""
    apart = rows.count(rows.own, (expit(rows.scores) - rows.positive) ** 2)
    return _without(apart) / _without(rows.negatives + rows.positives)


def jackknife_slope(rows: Rows) -> np.ndarray:
    """The slope of a logistic regression; of more than some 70 slides, without one by a single step from that of all."""
    at = np.tile([0.0, 1.0], (rows.sizes.size, 1, 1))
    at = _follow(at, rows, left_out=False)
    left = at + _step_without(at[:, 0], rows)
    present = (rows.negatives + rows.positives > 0).sum(axis=1)
    few = present * rows.sizes <= _MANY
    if few.any():
        start = np.where(np.isfinite(left) & (np.abs(left - at) < _LONGEST), left, at)
        left[few] = _follow(start[few], rows.select(few), left_out=True)
    lacking = (_without(rows.negatives) == 0) | (_without(rows.positives) == 0)
    found = np.concatenate([at[..., 1], left[..., 1]], axis=1)
    return np.where(lacking | ~(np.abs(found) < _SEPARATED), np.nan, found)


def _follow(at: np.ndarray, rows: Rows, left_out: bool) -> np.ndarray:
    """(R, C, 2) intercepts and slopes at the end of Newton's steps from `at`: of all slides (C = 1) or without each (C = S)."""
    found = np.empty_like(at)
    by_size = np.argsort(rows.sizes, kind="stable")
    portions = (np.cumsum(rows.sizes[by_size]) - 1) * at.shape[1] // _AT_ONCE
    for which in np.split(by_size, np.flatnonzero(np.diff(portions)) + 1):
        found[which] = _follow_portion(at[which], *_pad(rows, which), left_out)
    return found


def _pad(rows: Rows, which: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of some rows (R, n, 3) the log-odds to the powers 0 to 2, the classes and the slides (R, n); beyond a row's end all are 0."""
    sizes = rows.sizes[which]
    within = np.arange(sizes.max())
    inside = within < sizes[:, None]
    place = np.where(inside, rows.starts[which][:, None] + within, 0)
    log_odds = np.where(inside, rows.scores[place], 0.0)
    powers = np.stack([inside.astype(float), log_odds, log_odds**2], axis=-1)
    return powers, np.where(inside, rows.positive[place], 0.0), np.where(inside, rows.slide[place], 0)


def _follow_portion(
    at: np.ndarray, powers: np.ndarray, positive: np.ndarray, slide: np.ndarray, left_out: bool
) -> np.ndarray:
    """As `_follow`, of padded rows."""
    found, moving = at.copy(), np.arange(len(at))
    for _ in range(_ROUNDS):
        step = _step(found[moving], powers[moving], positive[moving], slide[moving] if left_out else None)
        found[moving] += step
        moving = moving[np.where(np.isfinite(step), np.abs(step), 0.0).max(axis=(1, 2)) >= _EXACT]
        if not moving.size:
            break
    return found


def _step(at: np.ndarray, powers: np.ndarray, positive: np.ndarray, slide: np.ndarray | None) -> np.ndarray:
    """(R, C, 2) Newton's steps from `at`; with `slide` each column leaves out its own."""
    chance = at[..., 1:] * powers[:, None, :, 1]
    chance += at[..., :1]
    np.exp(np.negative(chance, out=chance), out=chance)  # much faster than `expit`
    chance += 1
    np.reciprocal(chance, out=chance)
    apart = positive[:, None] - chance
    if slide is not None:
        row, place = np.indices(slide.shape, sparse=True)
        chance[row, slide, place] = apart[row, slide, place] = 0.0
    gradient = apart @ powers[..., :2]
    chance *= 1 - chance
    return np.clip(_solve(np.moveaxis(gradient, -1, 0), np.moveaxis(chance @ powers, -1, 0)), -_LONGEST, _LONGEST)


def _step_without(at: np.ndarray, rows: Rows) -> np.ndarray:
    """(R, S, 2) the step without each slide from the solution of all (R, 2), whose gradients sum to 0."""
    probability = expit(at[rows.row, 0] + at[rows.row, 1] * rows.scores)
    apart, weight = rows.positive - probability, probability * (1 - probability)
    gradient = np.stack([rows.count(rows.own, apart * rows.scores**power) for power in range(2)])
    moments = [rows.count(rows.own, weight * rows.scores**power) for power in range(3)]
    return _solve(-gradient, [moment.sum(axis=1, keepdims=True) - moment for moment in moments])


def _solve(gradient: np.ndarray, moments: Sequence[np.ndarray]) -> np.ndarray:
    """(..., 2) the step that the gradient (2, ...) and the moments of the curvature ask for; NaN if it is flat."""
    flat, mixed, steep = moments
    determinant = flat * steep - mixed**2
    determinant = np.where(determinant > _FLATTEST * flat * steep, determinant, np.nan)
    first = steep * gradient[0] - mixed * gradient[1]
    return np.stack([first, flat * gradient[1] - mixed * gradient[0]], axis=-1) / determinant[..., None]


CALIBRATIONS = ("brier", "calibration_slope")
"""Those of probabilities."""
JACKKNIVES = {
    "auroc": jackknife_auroc,
    "balanced_accuracy": jackknife_balanced_accuracy,
    "average_precision": jackknife_average_precision,
    "brier": jackknife_brier,
    "calibration_slope": jackknife_slope,
}


def leave_out(
    rows: Rows, metrics: Sequence[str], log_odds: Callable[[np.ndarray], np.ndarray]
) -> dict[str, np.ndarray]:
    """By metric (R, 1 + S) of all slides, then without each; NaN if it is not defined. `log_odds` makes scores probabilities."""
    found: dict[str, list[np.ndarray]] = {metric: [] for metric in metrics}
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for portion in rows.divide(_AT_ONCE):
            calibrated = portion.rescore(log_odds(portion.scores))
            for metric in metrics:
                found[metric].append(JACKKNIVES[metric](calibrated if metric in CALIBRATIONS else portion))
    return {metric: np.concatenate(parts) for metric, parts in found.items()}


def _sort_by_slide(own: np.ndarray, slides: int, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The slides `own` (N,) in ascending order, and their places before: those of one slide stay in order."""
    if own.size > _LONG * sizes.size:  # numpy sorts 16 bits by their digits
        own_row, starts = (own % slides).astype(np.int16), _sum_before(sizes)
        each = (own_row[start : start + size] for start, size in zip(starts, sizes, strict=True))
        place = np.concatenate(
            [np.argsort(one, kind="stable") + start for one, start in zip(each, starts, strict=True)]
        )
        return own[place], place
    bits = int(own.size).bit_length()
    keys = np.sort((own << bits) | np.arange(own.size))  # much faster than a stable argsort
    return keys >> bits, keys & ((1 << bits) - 1)


def _sum_before(counts: np.ndarray) -> np.ndarray:
    return np.cumsum(counts) - counts


def _prepend(whole: float, rest: np.ndarray) -> np.ndarray:
    return np.concatenate([np.full((len(rest), 1), whole), rest], axis=1)


def _without(counts: np.ndarray) -> np.ndarray:
    """(R, 1 + S) what all slides have together, then without each."""
    return counts.sum(axis=1, keepdims=True) - _prepend(0, counts)
