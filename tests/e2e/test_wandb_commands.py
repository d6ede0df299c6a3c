from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import yaml

from mitofm.commands import agent, dashboard
from mitofm.commands.composing.command_line import read_command_line
from mitofm.commands.composing.grids import resolve_grid
from mitofm.ground.config import experiments_dir
from mitofm.ground.errors import MitofmError


def test_a_sweep_of_wandb_has_the_cells_of_the_grid(capsys: pytest.CaptureFixture[str]) -> None:
    place = str(experiments_dir() / "demo")
    agent.main(["--config-dir", place, "--config-name", "sweep", "seed=1,2,3", "fit.max_epochs=5"])
    sweep = yaml.safe_load(capsys.readouterr().out)
    values = [[f"{key}={value}" for value in given["values"]] for key, given in sweep["parameters"].items()]
    assert len(list(itertools.product(*values))) == read_command_line("sweep", ["seed=1,2,3"], place).size
    command = sweep["command"]
    assert command[:6] == ["mitofm", "train", "--config-dir", place, "--config-name", "sweep"]
    assert command[-1] == "${args_no_hyphens}"
    overrides = [*command[6:-1], *(of_key[-1] for of_key in values)]
    (cell,) = resolve_grid(read_command_line("sweep", overrides, place), every_cell=True)
    assert (cell["seed"], cell["fit"]["max_epochs"], cell["study"]) == (3, 5, "demo")
    assert not read_command_line("sweep", overrides, place).multirun


def test_a_sweep_without_a_grid_or_with_a_wrong_value_is_refused() -> None:
    with pytest.raises(MitofmError, match="there is no grid here"):
        agent.main(["seed=1"])
    with pytest.raises(MitofmError, match="no_such"):
        agent.main(["adaptation=lora,no_such"])


def test_a_dashboard_of_no_study_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MitofmError, match="study is not set"):
        dashboard.main([])
    with pytest.raises(MitofmError, match="nothing"):
        dashboard.main(["study=nothing", f"paths.runs={tmp_path}", "dry_run=true"])
