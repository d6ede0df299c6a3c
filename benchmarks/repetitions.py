"""What repetitions of a setting show: intervals and verdicts of the package beside the truth, and shares of many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from zlib import crc32

import many_estimates
import numpy as np
import pandas as pd
from left_out import Rows
from scipy.special import ndtr, ndtri
from simulated import METRICS, Setting, SimulatedSet

from mitofm.evaluation import statistics, verdicts
from mitofm.evaluation.replicates import Replicates
from mitofm.evaluation.statistics import Estimate

MODELS = 12
ALPHA = 0.05
AT_ONCE, MOST_SLIDES = 100, 5_000
"""Repetitions that are measured together, and their slides at most."""
WINNER = f"highest of {MODELS}"


@dataclass(frozen=True)
class Measured:
    """What one repetition showed of one quantity; what was not asked is NaN.

    Attributes:
        held: the interval holds the truth; NaN without an interval, as all else is then.
        width: of the interval.
        level: two equal methods were told apart.
        equivalent: two methods that differ by the margin were called equivalent.
        false_higher: one of a family of equal models was called higher than another.
        uncorrected: likewise, had the family not been counted.
    """

    held: float = np.nan
    width: float = np.nan
    level: float = np.nan
    equivalent: float = np.nan
    false_higher: float = np.nan
    uncorrected: float = np.nan


def compare(found: Estimate, truth: float) -> Measured:
    """An estimate with its truth."""
    if found.low is None or found.high is None:
        return Measured()
    return Measured(held=float(found.low <= truth <= found.high), width=found.high - found.low)


def compare_all(found: Sequence[Estimate], truths: Sequence[float]) -> list[Measured]:
    """Each with its truth."""
    return [compare(one, truth) for one, truth in zip(found, truths, strict=True)]


def tell_apart(found: Sequence[Estimate], truths: Sequence[float]) -> list[Measured]:
    """Differences with their truths, and the test of 0 if that is true."""
    measured = compare_all(found, truths)
    return [
        one if p is None or truth != 0 else replace(one, level=float(p < ALPHA))
        for one, truth, p in zip(measured, truths, verdicts.difference_ps(found), strict=True)
    ]


def call_equivalent(found: Sequence[Estimate], truths: Sequence[float]) -> list[Measured]:
    """Differences as large as the margin; of methods trained once nothing is said."""
    return [
        measured
        if one.low is None or one.seeds < 2
        else replace(measured, equivalent=float(verdicts.judge(one) == verdicts.EQUIVALENT))
        for one, measured in zip(found, compare_all(found, truths), strict=True)
    ]


class Draw:
    """Two test sets and six methods trained for them, of which the first is compared with the others."""

    HERE, PAIRED, UNPAIRED, SAME, FARTHER, WORSE = range(6)

    def __init__(self, setting: Setting, rng: np.random.Generator, lower: float) -> None:
        """Draw all; a method with the AUROC `lower` is worse by the margin."""
        here, there = SimulatedSet(setting, rng, "here"), SimulatedSet(setting, rng, "there")
        self.moves, self.others = setting.train(rng), setting.train(rng)
        self.methods = (
            (here, setting.auroc, self.moves),
            (here, setting.auroc, self.others),
            (there, setting.auroc, self.others),
            (there, setting.auroc, self.moves),
            (there, lower_halfway(setting), self.moves),
            (here, lower, self.others),
        )
        self.parts = [
            drawn.cut(seed, drawn.score(auroc, move))
            for drawn, auroc, moves in self.methods
            for seed, move in enumerate(moves)
        ]

    def wrap(self, method: int, values: dict[str, np.ndarray]) -> dict[int, Replicates]:
        """A method by seed, of (seeds, 1 + S) by metric."""
        drawn, _, moves = self.methods[method]
        return {
            seed: drawn.wrap(seed, {metric: found[seed] for metric, found in values.items()})
            for seed in range(moves.size)
        }


def lower_halfway(setting: Setting) -> float:
    """The AUROC of classes that are half as far apart."""
    return float(ndtr(ndtri(setting.auroc) / 2))


def measure_quantities(
    setting: Setting, rng: np.random.Generator, lower: float, repetitions: int
) -> Iterator[tuple[str, list[Measured]]]:
    """What each of the draws shows of each quantity, by name."""
    draws = [Draw(setting, rng, lower) for _ in range(repetitions)]
    rows = Rows.join([part for draw in draws for part in draw.parts[setting.seeds :]], setting.slides)
    of_method = Rows.join([part for draw in draws for part in draw.parts[: setting.seeds]], setting.slides)
    shape = (repetitions, -1, setting.seeds, 1 + setting.slides)
    values = {
        metric: found.reshape(shape)[:, 0]
        for metric, found in setting.leave_out(of_method, setting.auroc, METRICS).items()
    }
    others = setting.leave_out(rows, setting.auroc, METRICS[:1])["auroc"].reshape(shape)
    aurocs = np.concatenate([values["auroc"][:, None], others], axis=1)
    weights = {
        Draw.HERE: weigh(of_method, 1, 0, setting.seeds),
        Draw.UNPAIRED: weigh(rows, others.shape[1], Draw.UNPAIRED - 1, setting.seeds),
    }
    truths = {metric: [setting.tell_truth(metric, setting.auroc, draw.moves) for draw in draws] for metric in METRICS}
    for metric in METRICS:
        found = _estimate(draws, values[metric], weights[Draw.HERE], metric)
        yield metric, compare_all(found, truths[metric])

    for quantity, method, tell in (
        ("paired difference", Draw.PAIRED, tell_apart),
        ("unpaired difference", Draw.UNPAIRED, tell_apart),
        ("gap of 0", Draw.SAME, tell_apart),
        ("gap", Draw.FARTHER, compare_all),
        ("difference of the margin", Draw.WORSE, call_equivalent),
    ):
        apart = [
            0.0 if method == Draw.SAME else truth - setting.tell_truth("auroc", *draw.methods[method][1:])
            for truth, draw in zip(truths["auroc"], draws, strict=True)
        ]
        shared = method in (Draw.PAIRED, Draw.WORSE)
        pairs = _subtract(
            draws, aurocs, method, weights[Draw.HERE], weights[Draw.HERE if shared else Draw.UNPAIRED], shared
        )
        yield quantity, tell(pairs, apart)


def weigh(rows: Rows, methods: int, method: int, seeds: int) -> np.ndarray:
    """(repetitions, S) each slide's share of the samples on which one of so many methods was tested."""
    shape = (-1, methods, seeds, rows.slides)
    return many_estimates.weigh(*(side.reshape(shape)[:, method] for side in (rows.negatives, rows.positives)))


def _estimate(draws: list[Draw], values: np.ndarray, weights: np.ndarray, metric: str) -> list[Estimate]:
    """Of each draw; if the metric is not defined in some seed, by the package's own code."""
    defined = np.isfinite(values[..., 0]).all(axis=1)
    found = iter(many_estimates.estimate(values[defined], weights[defined], metric))
    return [
        next(found) if known else statistics.estimate(list(draw.wrap(Draw.HERE, {metric: own}).values()), metric)
        for draw, own, known in zip(draws, values, defined, strict=True)
    ]


def _subtract(
    draws: list[Draw], aurocs: np.ndarray, method: int, first: np.ndarray, second: np.ndarray, shared: bool
) -> list[Estimate]:
    """Of each draw the first method minus another; `first` and `second` are the weights."""
    sides = aurocs[:, Draw.HERE], aurocs[:, method]
    defined = np.isfinite(sides[0][..., 0]).all(axis=1) & np.isfinite(sides[1][..., 0]).all(axis=1)
    apart = many_estimates.subtract((sides[0][defined], first[defined]), (sides[1][defined], second[defined]), shared)
    found = iter(statistics.reach_all(apart, [(1 - statistics.LEVEL) / 2] * len(apart)))
    return [
        next(found)
        if known
        else statistics.subtract_by_slide(draw.wrap(Draw.HERE, {"auroc": one}), draw.wrap(method, {"auroc": other}))
        for draw, one, other, known in zip(draws, *sides, defined, strict=True)
    ]


def measure_family(setting: Setting, rng: np.random.Generator) -> Measured:
    """Equal models on the same slides: the interval of the highest one, and whether it is called higher than another."""
    here = SimulatedSet(setting, rng)
    trained = [setting.train(rng) for _ in range(MODELS)]
    models = [here.measure(setting.auroc, moves) for moves in trained]
    estimates = [statistics.estimate(list(model.values())) for model in models]
    best = max(range(MODELS), key=lambda one: estimates[one].value or 0.0)
    pairs = [statistics.subtract_paired(models[best], model) for one, model in enumerate(models) if one != best]
    truth = setting.tell_truth("auroc", setting.auroc, trained[best])
    measured = compare(estimates[best].among(MODELS), truth)
    if np.isnan(measured.held):
        return measured
    corrected = verdicts.compare_all(pairs, MODELS)
    higher, uncorrected = (
        float(any(pair.verdict == statistics.HIGHER for pair in each)) for each in (corrected, pairs)
    )
    return replace(measured, false_higher=higher, uncorrected=uncorrected)


def start(setting: Setting, seed: int) -> np.random.Generator:
    """Random numbers of a setting that are its own, whatever else is simulated."""
    return np.random.default_rng([seed, crc32(repr(setting).encode())])


def simulate(setting: Setting, repetitions: int, seed: int) -> list[dict]:
    """A row for each quantity of a setting."""
    rng = start(setting, seed)
    found: dict[str, list[Measured]] = {}
    lower = setting.lower(verdicts.MARGIN)
    at_once = min(AT_ONCE, MOST_SLIDES // setting.slides)
    for done in range(0, repetitions, at_once):
        for quantity, measured in measure_quantities(setting, rng, lower, min(at_once, repetitions - done)):
            found.setdefault(quantity, []).extend(measured)
    return [summarise(setting, quantity, rows) for quantity, rows in found.items()]


def simulate_family(setting: Setting, repetitions: int, seed: int) -> list[dict]:
    """The row of a family of models."""
    rng = start(setting, seed)
    return [summarise(setting, WINNER, [measure_family(setting, rng) for _ in range(repetitions)])]


def summarise(setting: Setting, quantity: str, rows: list[Measured]) -> dict:
    """Shares of the repetitions that have an interval; `error` is the simulation error of the coverage."""
    table = pd.DataFrame([vars(row) for row in rows])
    given = table[table["held"].notna()]
    shares = {
        share: given[share].mean() if given[share].notna().any() else np.nan
        for share in ("level", "equivalent", "false_higher", "uncorrected")
    }
    coverage = given["held"].mean() if len(given) else np.nan
    error = np.sqrt(coverage * (1 - coverage) / max(len(given), 1))
    counts = {
        "repetitions": len(rows),
        "given": len(given) / len(rows),
        "intervals": len(given),
        "coverage": coverage,
        "error": error,
    }
    return asdict(setting) | {"quantity": quantity} | counts | {"width": given["width"].median()} | shares
