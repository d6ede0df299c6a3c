"""`mitofm plan [arguments of train]`: what a command would run, before it does."""

from __future__ import annotations

from hydra._internal.utils import get_args_parser

from mitofm.commands.composing import asked, each_cell
from mitofm.commands.launching import check_launcher
from mitofm.runs.checks import check
from mitofm.runs.plan import plan
from mitofm.runs.resolve import resolve


def main(arguments: list[str]) -> None:
    """Print cells by state, time and disk; nothing is trained, and data is opened only where it is new."""
    parsed = get_args_parser().parse_args(arguments)
    found = asked(parsed.config_name or "train", parsed.overrides, parsed.config_dir, multirun=parsed.multirun)
    configs = [resolve(composed) for composed in each_cell(found)]
    for config in configs:
        check(config)
    check_launcher(found, configs[0])
    print(*plan(configs), sep="\n")
    at_once = found.launches.get("array_parallelism") or found.launches.get("n_jobs", 1)
    print(f"by: hydra/launcher={found.launcher}, {at_once} at once" if found.multirun else "by: one cell")
