"""`mitofm sync`: send W&B runs that were kept offline and have not been sent yet."""

from __future__ import annotations

import subprocess
import sys

from mitofm.commands.asking import ask
from mitofm.commands.status import StatusSettings
from mitofm.ground.below import is_inside
from mitofm.ground.errors import MitofmError
from mitofm.ground.terminal import tell


def main(arguments: list[str]) -> None:
    """Send each run that W&B has not marked as sent; end with a code that is not 0 if one cannot be sent.

    A run's id is its cell's, so a cell that ran twice is one run.
    """
    folder = ask(StatusSettings, "status", arguments).paths.runs / "wandb"
    there = filter(is_inside, folder.glob("*run-*"))
    runs = sorted(run for run in there if not list(run.glob("*.synced")))
    failed = []
    for number, run in enumerate(runs, 1):
        tell(f"{number} of {len(runs)}: {run.name}")
        # Each has a process of its own: a run that cannot be sent does not stop the others.
        if subprocess.run([sys.executable, "-m", "wandb", "sync", str(run)], check=False).returncode != 0:
            failed.append(run.name)
    if failed:
        told = f"{len(failed)} of {len(runs)} runs were not sent, {failed[0]} first"
        raise MitofmError(f"{told}: run `mitofm sync` again")
    tell(f"{len(runs)} runs sent from {folder}")
