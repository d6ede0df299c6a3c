"""Scaling laws of simulated test sets: do their intervals hold the labels that are needed?

Error falls with labels as a n^-b + c, from `WORST` times the error with the most labels (at most `HIGHEST`) to that, half of
which endless labels would leave. Trainings differ most with the fewest labels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from repetitions import Measured, start, summarise
from simulated import Setting, SimulatedSet

from mitofm.evaluation import law_intervals

LABELS = np.array([10.0, 100.0, 1_000.0, 10_000.0])
WORST, HIGHEST, ASYMPTOTE = 8.0, 0.4, 0.5
SPREAD, CALMER = 1.5, 0.25
"""Trainings with the fewest labels move so many times as far as the setting says, with n times as many n^-0.25 of that."""
ASKED = (300.0, 3_000.0, 20_000.0)
DRAWS = 500
EXPONENT = "exponent of the law"


class TrueLaw:
    """What a setting's error with each amount of labels is; the setting's AUROC is that with the most."""

    def __init__(self, setting: Setting) -> None:
        least = 1 - setting.auroc
        self.c = ASYMPTOTE * least
        fall = (min(HIGHEST, WORST * least) - self.c) / (least - self.c)
        self.b = float(np.log(fall) / np.log(LABELS[-1] / LABELS[0]))
        self.a = (least - self.c) * LABELS[-1] ** self.b
        calmer = SPREAD * (LABELS / LABELS[0]) ** -CALMER
        spreads = [replace(setting, training_sd=setting.training_sd * factor) for factor in calmer]
        self.amounts = [one.centre(1 - self.error(labels)) for one, labels in zip(spreads, LABELS, strict=True)]

    def error(self, labels: float) -> float:
        """1 - AUROC, the mean over endless trainings."""
        return float(self.a * labels**-self.b + self.c)


def measure_law(truth: TrueLaw, setting: Setting, rng: np.random.Generator) -> Iterator[tuple[str, Measured]]:
    """Labels needed within and beyond what was measured, and the AUROC with twice the most."""
    drawn = SimulatedSet(setting, rng)
    measured = [list(drawn.measure(amount.auroc, amount.train(rng)).values()) for amount in truth.amounts]
    if any(np.isnan(seed.of("auroc")[0]) for amount in measured for seed in amount):
        return
    law = law_intervals.fit_draws(LABELS, measured, DRAWS)
    for asked in ASKED:
        yield f"labels needed ({asked:,.0f})", compare(law.count_labels(1 - truth.error(asked)), asked)
    twice = 2 * LABELS[-1]
    yield "AUROC at twice the labels", compare(law.foresee(twice), 1 - truth.error(twice))
    yield EXPONENT, compare(law.summarise("b"), truth.b)


def compare(ends: law_intervals.Ends, truth: float) -> Measured:
    """An interval with its truth; an end that is never reached is infinite."""
    _, low, high = (np.inf if end is None else end for end in ends)
    return Measured() if low == high else Measured(held=float(low <= truth <= high), width=high - low)


def simulate_law(setting: Setting, repetitions: int, seed: int) -> list[dict]:
    """A row for each quantity of a law."""
    rng, truth = start(setting, seed), TrueLaw(setting)
    found: dict[str, list[Measured]] = {}
    for _ in range(repetitions):
        for quantity, measured in measure_law(truth, setting, rng):
            found.setdefault(quantity, []).append(measured)
    return [summarise(setting, quantity, rows) for quantity, rows in found.items()]
