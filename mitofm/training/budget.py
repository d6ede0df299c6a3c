"""How many steps a gradient mode trains, and its learning rate at each.

The rate rises over a linear warm-up and falls along a cosine to zero; or, with `fit.cooldown`, stays as it is and falls to zero as
1 - sqrt in its last steps (Hägele et al. 2024, arXiv 2405.18392), so that a training and a longer one are the same up to there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from mitofm.data.order import batches_per_pass
from mitofm.training.settings import Fit


@dataclass(frozen=True)
class Budget:
    """How long a gradient mode trains.

    Attributes:
        steps: optimiser steps of a full run.
        check_every: steps between two checks of the validation samples.
        warmup: steps over which the learning rate rises.
        cooldown: steps over which it falls after a constant rate; None: it falls along a cosine from the end of the warm-up.
    """

    steps: int
    check_every: int
    warmup: int
    cooldown: int | None = None


def make_budget(n: int, fit: Fit) -> Budget:
    """The budget for `n` training samples: `fit.max_epochs` passes within the least and the most steps, or exactly the most."""
    per_pass = batches_per_pass(n, fit.batch_size)
    steps = max(per_pass * fit.max_epochs, fit.min_steps)
    if fit.max_steps is not None:
        steps = fit.max_steps if fit.budget == "steps" else min(steps, fit.max_steps)
    # At most once a pass: a check costs a forward pass of every validation sample.
    check_every = min(steps, max(per_pass, math.ceil(steps / fit.checks)))
    if fit.cooldown is None:
        return Budget(steps, check_every, math.ceil(steps * fit.warmup))
    return Budget(steps, 0, math.ceil(fit.min_steps * fit.warmup), math.ceil(steps * fit.cooldown))


def schedule_lr(optimiser: Optimizer, steps: int, warmup: int, cooldown: int | None = None) -> dict[str, Any]:
    """What Lightning's `configure_optimizers` returns for `steps` steps; the others are those of a `Budget`."""

    def factor(step: int) -> float:
        rising = (step + 1) / warmup if step < warmup else 1.0
        if cooldown is not None:  # it falls at the end even if it has not risen whole by then
            return min(rising, 1 - math.sqrt(max(0, step - (steps - cooldown)) / max(1, cooldown)))
        if step < warmup:
            return rising
        return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))

    return {"optimizer": optimiser, "lr_scheduler": {"scheduler": LambdaLR(optimiser, factor), "interval": "step"}}
