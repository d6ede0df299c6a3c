"""`mitofm status [study=NAME]`: how many cells are done, failed, skipped, unfinished."""

from __future__ import annotations

from pathlib import Path

from mitofm.commands.composing import compose
from mitofm.runs.resolve import plain
from mitofm.runs.status import table


def main(arguments: list[str]) -> None:
    """Print one line per study, and what failed in the one asked for."""
    config = plain(compose("status", arguments))
    for line in table(Path(config["paths"]["runs"]), config["study"]):
        print(line)
