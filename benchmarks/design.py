"""The settings that are simulated: a fraction of all combinations."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np
from simulated import Setting

AXES = {
    "slides": (6, 8, 12, 20, 43, 71, 150, 500),
    "sizes": ("mild", "heavy"),
    "auroc": (0.55, 0.85, 0.97, 0.995),
    "prevalence": (0.1, 0.3, 0.5),
    "varying": (0.0, 0.4),
    "training_sd": (0.0, 0.02, 0.04),
    "seeds": (1, 5),
    "tested": (1.0, 0.4),
}


def design(settings: int, axes: Mapping[str, tuple], seed: int) -> list[Setting]:
    """So many different settings, each level of an axis in as many of them as any other (a Latin hypercube).

    If it is many of them, they are drawn from the list of all: few exchanges would lead to different ones.
    """
    whole = [Setting(*levels) for levels in itertools.product(*axes.values())]
    rng = np.random.default_rng(seed)
    if settings > len(whole) / 4:
        return [whole[place] for place in sorted(rng.permutation(len(whole))[:settings])]
    columns = {axis: [levels[place % len(levels)] for place in range(settings)] for axis, levels in axes.items()}
    for column in columns.values():
        rng.shuffle(column)
    while True:
        chosen = [Setting(*levels) for levels in zip(*columns.values(), strict=True)]
        twice = next((place for place, one in enumerate(chosen) if one in chosen[:place]), None)
        if twice is None:
            return chosen
        # An exchange within an axis leaves its levels as frequent as they are.
        column, other = columns[str(rng.choice(list(columns)))], int(rng.integers(settings))
        column[twice], column[other] = column[other], column[twice]
