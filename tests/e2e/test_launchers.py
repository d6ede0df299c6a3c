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


def test_a_process_with_one_gpu_refuses_several_devices() -> None:
    with pytest.raises(MitofmError, match=r"trainer\.devices=2: a process of hydra/launcher=local has one GPU"):
        check("hydra/launcher=local", "trainer=ddp")
    check("hydra/launcher=local", "trainer=ddp", multirun=False)
    check("hydra/launcher=basic", "trainer=ddp")


def test_slurm_gives_a_cell_what_it_uses() -> None:
    pytest.importorskip("submitit", reason="the extra `slurm` is not installed")
    slurm, two = "hydra/launcher=slurm", "hydra.launcher.gpus_per_node=2"
    launches = check(slurm, two, "trainer=ddp", "trainer.threads=4").launches
    assert (launches.tasks_per_node, launches.cpus_per_task) == (1, 8)
    assert launches.additional_parameters.requeue
    for wrong in ([two], ["trainer=ddp"], ["trainer.devices=3", two]):
        with pytest.raises(MitofmError, match=r"a job is given hydra.launcher.gpus_per_node=\S+: give both the same"):
            check(slurm, *wrong)
    check(slurm, "trainer=ddp", "trainer.accelerator=cpu")
    for key in ("nodes", "tasks_per_node"):
        with pytest.raises(MitofmError, match=f"{key}=2.*: a cell is one task on one node"):
            check(slurm, "trainer=ddp", two, f"hydra.launcher.{key}=2")
    with pytest.raises(MitofmError, match="on_error=raise"):
        check(slurm, "on_error=raise")


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
