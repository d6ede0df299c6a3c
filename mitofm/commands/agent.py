"""`mitofm agent`: a study's grid as a W&B sweep, whose agents take cells from W&B."""

from __future__ import annotations

import yaml

from mitofm.commands.composing.command_line import GRIDS, read_arguments, read_command_line
from mitofm.commands.sweeping.launching import check_grid
from mitofm.ground.errors import MitofmError
from mitofm.ground.terminal import tell, tell_text


def main(arguments: list[str]) -> None:
    """Print the sweep's YAML, whose agents call `mitofm train` for one cell each.

    Raises:
        MitofmError: nothing is swept, or a key or value is not known.
    """
    parsed, _ = read_arguments(arguments)
    line = read_command_line(parsed.config_name or "train", parsed.overrides, parsed.config_dir)
    if not line.swept:
        raise MitofmError("there is no grid here: give one, as for mitofm train -m, or a study with --config-dir")
    if line.sweeper._target_ not in GRIDS:
        raise MitofmError("hydra/sweeper: mitofm agent hands a grid to W&B, which draws from it: leave this key out")
    check_grid(line)
    place = ["--config-dir", parsed.config_dir] if parsed.config_dir else []
    named = ["--config-name", parsed.config_name] if parsed.config_name else []
    sweep = {
        "method": "grid",
        "command": ["mitofm", "train", *place, *named, "hydra.mode=RUN", *line.fixed, "${args_no_hyphens}"],
        "parameters": {key: {"values": values} for key, values in line.swept.items()},
    }
    tell("# wandb sweep FILE, then on any number of machines that share the folders: wandb agent SWEEP")
    tell_text(yaml.safe_dump(sweep, sort_keys=False, allow_unicode=True))
