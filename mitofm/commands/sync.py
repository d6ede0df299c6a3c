"""`mitofm sync`: send W&B runs that were kept offline and have not been sent yet."""

from __future__ import annotations

import subprocess
import sys
from collections import deque
from collections.abc import Iterable
from pathlib import Path

from mitofm.commands.composing.asking import ask
from mitofm.commands.status import StatusSettings
from mitofm.ground.below import is_inside
from mitofm.ground.errors import MitofmError
from mitofm.ground.terminal import tell

_BATCH = 100
"""Runs of one process of W&B: it takes two seconds to start, and sends several at a time."""
_FRUITLESS = 10
"""Processes in a row that send nothing: more than it takes to find a run that cannot be sent in a batch."""


def main(arguments: list[str]) -> None:
    """Send the runs that W&B has not marked as sent, in batches; end with a code that is not 0 if one cannot be sent.

    A run's id is its cell's, so a cell that ran twice is one run. What was sent is marked beside it, so that an interrupted
    command goes on.
    """
    folder = ask(StatusSettings, "status", arguments).paths.runs / "wandb"
    there = sorted(filter(is_inside, folder.glob("offline-run-*")))
    runs = _list_unsent(there)
    if len(there) > len(runs):
        tell(f"{len(there) - len(runs)} of {len(there)} runs were sent before")
    failed = _send(runs)
    if failed:
        told = f"{len(failed)} of {len(runs)} runs were not sent, {failed[0].name} first"
        raise MitofmError(f"{told}: run `mitofm sync` again")
    tell(f"{len(runs)} runs sent from {folder}")


def _send(runs: list[Path]) -> list[Path]:
    """Send runs; returns those that could not be sent. A batch with such a run is halved until that one is alone."""
    batches = deque(runs[first : first + _BATCH] for first in range(0, len(runs), _BATCH))
    failed: list[Path] = []
    sent = fruitless = 0
    while batches and fruitless < _FRUITLESS:
        batch = batches.popleft()
        # W&B's own code says only whether it could begin: the marks say what it has sent.
        subprocess.run([sys.executable, "-m", "wandb", "sync", *map(str, batch)], check=False)
        left = _list_unsent(batch)
        sent += len(batch) - len(left)
        fruitless = fruitless + 1 if len(left) == len(batch) else 0
        tell(f"{sent} of {len(runs)} runs sent{f', {len(failed)} failed' if failed else ''}")
        if len(batch) == 1:
            failed += left
        elif left:
            half = (len(left) + 1) // 2
            batches.extendleft(filter(None, (left[half:], left[:half])))
    return sorted([*failed, *(run for batch in batches for run in batch)])


def _list_unsent(runs: Iterable[Path]) -> list[Path]:
    """Those of `runs` that W&B has not marked as sent."""
    return [run for run in runs if not any(run.glob("*.synced"))]
