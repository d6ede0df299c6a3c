"""What a launcher must be right for is refused before anything starts."""

from pathlib import Path
from typing import Any

import pytest

from mitofm.commands.composing import asked, compose
from mitofm.commands.launching import check_launcher
from mitofm.errors import MitofmError
from mitofm.runs.resolve import resolve


def check(*overrides: str, multirun: bool = True) -> Any:
    found = asked("train", overrides, None, multirun)
    check_launcher(found, resolve(compose("train", [one for one in overrides if not one.startswith("hydra")])))
    return found


@pytest.mark.parametrize("launcher", ["basic", "local"])
def test_cells_of_several_devices_are_slurms(launcher: str) -> None:
    with pytest.raises(MitofmError, match=f"are started by hydra/launcher=slurm, not by '{launcher}'"):
        check(f"hydra/launcher={launcher}", "trainer.devices=2")
    check(f"hydra/launcher={launcher}", "trainer.devices=2", multirun=False)


def test_slurm_asks_for_what_a_cell_needs() -> None:
    pytest.importorskip("submitit", reason="the extra `slurm` is not installed")
    launches = check("hydra/launcher=slurm", "trainer.devices=2", "trainer.threads=4").launches
    assert (launches.tasks_per_node, launches.cpus_per_task) == (1, 4)
    assert launches.additional_parameters.requeue
    with pytest.raises(MitofmError, match="on_error=raise"):
        check("hydra/launcher=slurm", "on_error=raise")


def test_a_grid_is_counted_before_it_is_composed() -> None:
    found = asked("train", ["seed=1,2,3", "fraction=0.1,1.0", "backbone=toy_vit_p8"], None)
    assert (found.size, found.launcher, found.multirun) == (6, "basic", False)
    assert found.fixed == ["backbone=toy_vit_p8"]


def test_without_submitit_slurm_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from hydra.errors import MissingConfigException

    def missing(*_: Any, **__: Any) -> Any:
        raise MissingConfigException("Could not find 'hydra/launcher/submitit_slurm'")

    monkeypatch.setattr("mitofm.commands.composing.hydra_compose", missing)
    with pytest.raises(MitofmError, match=r"pip install 'mitofm\[slurm\]'"):
        compose("train", ["hydra/launcher=slurm"])
