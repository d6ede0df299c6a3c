"""What repetitions of a setting show: intervals and verdicts of the package beside the truth, and shares of many."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from zlib import crc32

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri
from simulated import METRICS, Setting, SimulatedSet

from mitofm.evaluation import statistics, verdicts
from mitofm.evaluation.statistics import Estimate

MODELS = 12
ALPHA = 0.05
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


def tell_apart(found: Estimate, truth: float) -> Measured:
    """A difference with its truth, and the test of 0 if that is true."""
    measured, p = compare(found, truth), verdicts.difference_p(found) if truth == 0 else None
    return measured if p is None else replace(measured, level=float(p < ALPHA))


def call_equivalent(found: Estimate, truth: float) -> Measured:
    """A difference as large as the margin; of methods trained once nothing is said."""
    measured = compare(found, truth)
    if found.low is None or found.seeds < 2:
        return measured
    return replace(measured, equivalent=float(verdicts.judge(found) == verdicts.EQUIVALENT))


def measure_quantities(setting: Setting, rng: np.random.Generator, lower: float) -> Iterator[tuple[str, Measured]]:
    """All quantities of one draw, by name; a method with the AUROC `lower` is worse by the margin."""
    here, there = SimulatedSet(setting, rng, "here"), SimulatedSet(setting, rng, "there")
    moves, others = setting.train(rng), setting.train(rng)
    auroc, farther = setting.auroc, float(ndtr(ndtri(setting.auroc) / 2))

    def subtract_truth(second: float, trained: np.ndarray) -> float:
        return setting.tell_truth("auroc", auroc, moves) - setting.tell_truth("auroc", second, trained)

    method, other = here.measure(auroc, moves, METRICS), here.measure(auroc, others)
    for metric in METRICS:
        truth = setting.tell_truth(metric, auroc, moves)
        yield metric, compare(statistics.estimate(list(method.values()), metric), truth)
    yield "paired difference", tell_apart(statistics.subtract_paired(method, other), subtract_truth(auroc, others))
    unpaired = statistics.subtract_by_slide(method, there.measure(auroc, others))
    yield "unpaired difference", tell_apart(unpaired, subtract_truth(auroc, others))
    yield "gap of 0", tell_apart(statistics.subtract_by_slide(method, there.measure(auroc, moves)), 0.0)
    gap = statistics.subtract_by_slide(method, there.measure(farther, moves))
    yield "gap", compare(gap, subtract_truth(farther, moves))
    worse = statistics.subtract_paired(method, here.measure(lower, others))
    yield "difference of the margin", call_equivalent(worse, subtract_truth(lower, others))


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
    for _ in range(repetitions):
        for quantity, measured in measure_quantities(setting, rng, lower):
            found.setdefault(quantity, []).append(measured)
    return [summarise(setting, quantity, rows) for quantity, rows in found.items()]


def simulate_family(setting: Setting, repetitions: int, seed: int) -> list[dict]:
    """The row of a family of models."""
    rng = start(setting, seed)
    return [summarise(setting, WINNER, [measure_family(setting, rng) for _ in range(repetitions)])]


def summarise(setting: Setting, quantity: str, rows: list[Measured]) -> dict:
    """Shares of the repetitions that have an interval; `error` is the simulation error of the coverage."""
    table = pd.DataFrame([asdict(row) for row in rows])
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
