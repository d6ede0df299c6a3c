"""How much data went into a configuration, and how much it was tested on."""

from __future__ import annotations

from collections.abc import Sequence

from mitofm.reporting.configurations import Group
from mitofm.runs.collect import Collected


class Counts:
    """Numbers of labelled cells by finished run."""

    def __init__(self, collected: Collected) -> None:
        cells = collected.done
        self._train = dict(zip(cells["cell"], cells["n_train"], strict=True))
        self._validation = dict(zip(cells["cell"], cells["n_validation"], strict=True))
        metrics = collected.metrics
        self._tested = {
            (cell, name): (int(n), int(positive), int(slides))
            for cell, name, n, positive, slides in metrics[["cell", "set", "n", "n_positive", "n_slides"]].itertuples(
                index=False
            )
        }

    def train(self, group: Group) -> list[int]:
        """Training cells of each seed."""
        return [int(self._train[cell]) for cell in group.done.values()]

    def validation(self, group: Group) -> list[int]:
        """Validation cells of each seed."""
        return [int(self._validation[cell]) for cell in group.done.values()]

    def labels(self, group: Group) -> float:
        """Labels bought, for training and validation together: the mean over seeds."""
        return sum(self.train(group) + self.validation(group)) / len(group.done)

    def tested(self, group: Group, name: str) -> list[tuple[int, int, int]]:
        """Test cells, positives among them and slides of each seed on the set `name`."""
        return [self._tested[cell, name] for cell in group.done.values() if (cell, name) in self._tested]


def spread(numbers: Sequence[float]) -> str:
    """Numbers as people say them: one where they agree, else from the least to the most."""
    least, most = min(numbers), max(numbers)
    return f"{least:,.0f}" if least == most else f"{least:,.0f} to {most:,.0f}"
