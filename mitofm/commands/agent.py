"""`mitofm agent`: a study's grid as a W&B sweep, for those who want W&B to hand out the cells."""

from __future__ import annotations

from contextlib import closing

import yaml
from hydra._internal.utils import get_args_parser

from mitofm.commands.composing import compose_each_value, read_command_line
from mitofm.ground.errors import MitofmError
from mitofm.runs.execute import check
from mitofm.runs.resolve import resolve


def main(arguments: list[str]) -> None:
    """Print the sweep's YAML, whose agents call `mitofm train` for one cell each.

    Raises:
        MitofmError: nothing is swept, or a key or value is not known.
    """
    parsed = get_args_parser().parse_args(arguments)
    found = read_command_line(parsed.config_name or "train", parsed.overrides, parsed.config_dir)
    if not found.swept:
        raise MitofmError("there is no grid here: give one, as for mitofm train -m, or a study with --config-dir")
    with closing(compose_each_value(found)) as configs:
        for composed in configs:
            check(resolve(composed))
    place = ["--config-dir", parsed.config_dir] if parsed.config_dir else []
    named = ["--config-name", parsed.config_name] if parsed.config_name else []
    sweep = {
        "method": "grid",
        "command": ["mitofm", "train", *place, *named, "hydra.mode=RUN", *found.fixed, "${args_no_hyphens}"],
        "parameters": {key: {"values": values} for key, values in found.swept.items()},
    }
    print(
        "# wandb sweep FILE, then on any number of machines that share the folders: wandb agent SWEEP\n"
        + yaml.safe_dump(sweep, sort_keys=False, allow_unicode=True),
        end="",
    )
