"""Which samples a step sees: a pure function of seed and step, so that a resumed run continues exactly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler

from mitofm.data.balance import Groups
from mitofm.ground.seeds import derive, stream

Draw = tuple[int, int]  # (position among the training samples, seed of its augmentation)


class StepOrder(Sampler[list[Draw]]):
    """Batches of a fixed number of steps over shuffled passes, able to start at any step.

    A pass gives every group the same number of draws, and so does every batch, to within one. A group's samples come in
    rounds. Each round visits every sample of the group once, in an order that depends on (seed, round) alone; with one group
    a pass is a round. Batches differ by at most one sample in size, so that none is too small for a batch norm.

    Args:
        batch_size: of the n samples per step, at most.
        start: the first step to give; earlier ones have been trained.
        groups: positions among the n samples, each in one group; None: one group of all.
    """

    def __init__(
        self, n: int, batch_size: int, steps: int, seed: int, start: int = 0, groups: Groups | None = None
    ) -> None:
        self.groups = groups or {(): np.arange(n)}
        self.share = n // len(self.groups)  # draws of a group in a pass
        # If groups share a pass unevenly it has fewer than n draws: no batch may be empty.
        self.batches_per_pass = min(batches_per_pass(n, batch_size), self.share * len(self.groups))
        self.steps = steps
        self.seed = seed
        self.start = start

    @property
    def smallest(self) -> int:
        """Samples in the smallest batch."""
        return self.share * len(self.groups) // self.batches_per_pass

    def __len__(self) -> int:
        """Steps of the whole run, those already trained included."""
        return self.steps

    def __iter__(self) -> Iterator[list[Draw]]:
        """Batches from step `start` on."""
        current, batches = -1, []
        for step in range(self.start, self.steps):
            number, position = divmod(step, self.batches_per_pass)
            if number != current:
                current, batches = number, np.array_split(self._order_pass(number), self.batches_per_pass)
            yield self._seed_draws(step, batches[position])

    def _order_pass(self, number: int) -> np.ndarray:
        """The samples of a pass, the groups taking turns."""
        first = number * self.share
        drawn = [self._draw(name, members, first, first + self.share) for name, members in self.groups.items()]
        return np.stack(drawn, axis=1).ravel()

    def _draw(self, name: tuple[str, ...], members: np.ndarray, first: int, end: int) -> np.ndarray:
        """The draws `first` to `end` of a group's endless sequence of rounds."""
        begun, n = first // len(members), len(members)
        rounds = [stream(self.seed, "order", one, *name).permutation(n) for one in range(begun, -(-end // n))]
        return members[np.concatenate(rounds)[first - begun * n : end - begun * n]]

    def _seed_draws(self, step: int, samples: np.ndarray) -> list[Draw]:
        """Each draw with the seed of its augmentation, another one if a small group gives a sample twice."""
        times: Counter[int] = Counter()
        batch = []
        for sample in samples.tolist():
            again = (times[sample],) if sample in times else ()
            times[sample] += 1
            batch.append((sample, derive(self.seed, "augmentation", step, sample, *again)))
        return batch


def batches_per_pass(n: int, batch_size: int) -> int:
    """Steps that see each of `n` samples once."""
    return max(1, -(-n // batch_size))
