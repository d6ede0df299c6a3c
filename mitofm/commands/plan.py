"""`mitofm plan [arguments of train]`: what a command would run, before it does."""

from __future__ import annotations

from contextlib import closing

from hydra._internal.utils import get_args_parser

from mitofm.commands.composing import compose_each_cell, read_command_line
from mitofm.commands.launching import check_launcher
from mitofm.runs.execute import check
from mitofm.runs.foresight import foresee
from mitofm.runs.resolve import resolve


def main(arguments: list[str]) -> None:
    """Print cells by state, time and disk; nothing is trained, and data is opened only where it is new."""
    parsed = get_args_parser().parse_args(arguments)
    found = read_command_line(
        parsed.config_name or "train", parsed.overrides, parsed.config_dir, multirun=parsed.multirun
    )
    with closing(compose_each_cell(found)) as configs:
        cells = [check(resolve(composed)) for composed in configs]
    check_launcher(found, cells[0])
    print(*foresee(cells), sep="\n")
    at_once = found.launches.get("array_parallelism") or found.launches.get("n_jobs", 1)
    print(f"by: hydra/launcher={found.launcher}, {at_once} at once" if found.multirun else "by: one cell")
