"""Which samples a step sees: a pure function of seed, pass and step, so that a resumed run goes on where it stopped."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler

from mitofm.seeds import derive, stream

Draw = tuple[int, int]  # (position among the training cells, seed of its augmentation)


class StepOrder(Sampler[list[Draw]]):
    """Batches of a fixed number of steps over shuffled passes, able to start at any step.

    Each pass visits every cell once, in an order that depends on (seed, pass) alone, in batches that differ by at most one
    cell in size: no batch of a single cell upsets a batch norm.

    Args:
        n: training cells.
        batch_size: cells per step, at most.
        steps: of the whole run.
        seed: of the cell.
        start: the first step to give; those before it have been trained.
    """

    def __init__(self, n: int, batch_size: int, steps: int, seed: int, start: int = 0) -> None:
        self.n = n
        self.batches_per_pass = batches_per_pass(n, batch_size)
        self.steps = steps
        self.seed = seed
        self.start = start

    def __len__(self) -> int:
        """Steps of the whole run, those already trained included."""
        return self.steps

    def __iter__(self) -> Iterator[list[Draw]]:
        """Batches from step `start` on."""
        current, batches = -1, []
        for step in range(self.start, self.steps):
            number, position = divmod(step, self.batches_per_pass)
            if number != current:
                order = stream(self.seed, "order", number).permutation(self.n)
                current, batches = number, np.array_split(order, self.batches_per_pass)
            yield [(int(index), derive(self.seed, "augmentation", step, int(index))) for index in batches[position]]


def batches_per_pass(n: int, batch_size: int) -> int:
    """Steps that see each of `n` cells once."""
    return max(1, -(-n // batch_size))
