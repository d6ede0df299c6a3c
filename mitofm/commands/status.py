"""`mitofm status [study=NAME] [watch=SECONDS]`: how many cells are done, failed, skipped, unfinished."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

from mitofm.commands.composing.asking import ask
from mitofm.ground.settings import Positive
from mitofm.ground.terminal import escape, tell
from mitofm.runs.status import list_under_way, read_studies, tabulate
from mitofm.training.settings import Paths


@dataclass(frozen=True, kw_only=True)
class StatusSettings:
    """`conf/status.yaml`."""

    paths: Paths
    study: str | None
    watch: Positive | None


def main(arguments: list[str]) -> None:
    """Print a line per study and the failures of one that is named; with `watch` on a terminal repeat it until all sweeps end.

    Raises:
        MitofmError: there is no such study.
    """
    settings = ask(StatusSettings, "status", arguments)
    runs, cache, study, every = settings.paths.runs, settings.paths.cache, settings.study, settings.watch
    if every is None or not sys.stdout.isatty():
        tell(*tabulate(runs, study, cache))
        return
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    with Live(console=Console(), auto_refresh=False) as live:
        while True:
            watching = any(
                list_under_way(runs, read_studies(runs, study))
            )  # before the table, which then has what ended meanwhile
            live.update(Text("\n".join(map(escape, tabulate(runs, study, cache)))), refresh=True)
            if not watching:
                return
            time.sleep(every)
