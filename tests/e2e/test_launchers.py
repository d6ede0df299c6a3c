"""What a launcher must be right for is refused before anything starts."""

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
from hydra import initialize_config_dir
from hydra._internal.callbacks import Callbacks
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins
from hydra.errors import CompactHydraException
from hydra.types import HydraContext, RunMode

from mitofm.commands.composing.command_line import read_choices, read_command_line
from mitofm.commands.composing.compose import compose, register_user_configs
from mitofm.commands.sweeping import launching
from mitofm.commands.sweeping.launching import check_launcher
from mitofm.ground.config import conf_dir
from mitofm.ground.errors import MitofmError
from mitofm.runs import execute
from mitofm.runs.resolve import resolve
from mitofm.training.settings import Settings


def check(*overrides: str, multirun: bool = True) -> Any:
    found = read_command_line("train", overrides, None, multirun)
    typed = [one for one in overrides if not one.startswith("hydra")]
    check_launcher(found, Settings.read(resolve(compose("train", typed))))
    return found


def test_a_process_with_one_gpu_refuses_several_devices() -> None:
    with pytest.raises(MitofmError, match=r"trainer\.devices=2: a process of hydra/launcher=local has one GPU"):
        check("hydra/launcher=local", "trainer=ddp")
    check("hydra/launcher=local", "trainer=ddp", multirun=False)
    check("hydra/launcher=basic", "trainer=ddp")


def test_a_number_of_processes_that_is_none_is_refused() -> None:
    found = check("hydra/launcher=local")
    for given in (0, "two", None):
        found.launches.n_jobs = given
        with pytest.raises(MitofmError, match=rf"hydra\.launcher\.n_jobs={given}: give a number of processes"):
            check_launcher(found, Settings.read(resolve(compose("train", []))))


def test_a_process_composes_its_cells_and_what_goes_wrong_is_the_result(tmp_path: Path) -> None:
    register_user_configs()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        sweep = ["hydra/launcher=local", f"hydra.sweep.dir={tmp_path}"]
        config = loader.load_configuration("train", sweep, RunMode.MULTIRUN)
        launcher = Plugins.instance().instantiate_launcher(
            hydra_context=HydraContext(loader, Callbacks()), task_function=attrgetter("seed"), config=config
        )
        wrong, right = launcher.launch([["nosuch=1"], ["seed=7"]], 0)
    assert right.return_value == 7
    with pytest.raises(CompactHydraException, match="mitofm: Could not override 'nosuch'"):
        wrong.return_value  # noqa: B018  raises what the cell did


def test_slurm_gives_a_cell_what_it_uses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launching, "find_spec", lambda name: name)  # submitit, which is an extra
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
    for wrong in ("0", "many"):
        with pytest.raises(MitofmError, match=f"hydra.launcher.cells_per_job={wrong}: give a number, or null"):
            check(slurm, f"hydra.launcher.cells_per_job={wrong}")


@pytest.mark.parametrize(
    ("number", "processes", "code"),
    [
        (signal.SIGTERM, 2, 128 + signal.SIGTERM),
        (signal.SIGINT, 1, 128 + signal.SIGINT),
    ],
)
def test_parallel_processes_are_stopped_with_their_parent(
    number: signal.Signals, processes: int, code: int, small: Any, shared: Path, tmp_path: Path, quick: list[str]
) -> None:
    execute.check(
        resolve(small("adaptation=full"))
    )  # which is kept: the parent needs no torch, which takes seconds to import
    long = [
        "adaptation=full",
        "fit.min_steps=100000",
        "fit.max_epochs=1",
        "trainer.checkpoint_seconds=1000",
        "logger=csv",
    ]
    grid = ["-m", "seed=1,2,3,4", "backbone=toy_vit_p16", "hydra/launcher=local", f"hydra.launcher.n_jobs={processes}"]
    folders = {"DATA": shared / "data", "CACHE": shared / "cache", "RUNS": tmp_path / "runs"}
    environment = os.environ | {f"MITOFM_{name}": str(folder) for name, folder in folders.items()}
    command = [sys.executable, "-m", "mitofm", "train", *grid, *quick, *long]
    said = tmp_path / "stderr.txt"  # not a pipe, which fills up while nobody reads
    with (
        said.open("w") as stderr,
        subprocess.Popen(
            command,
            env=environment,
            stderr=stderr,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # which what a shell runs with `&` ignores
        ) as sweep,
    ):
        try:
            late = time.monotonic() + 240
            while len(training := list(tmp_path.glob("runs/cells/*/curves.csv"))) < processes and sweep.poll() is None:
                if time.monotonic() > late:
                    break
                time.sleep(0.1)
            assert len(training) == processes, said.read_text()
            # Ctrl-C reaches all processes of a terminal, a kill the one that is meant.
            os.killpg(sweep.pid, number) if number == signal.SIGINT else sweep.send_signal(number)
            sweep.wait(timeout=120)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(sweep.pid, signal.SIGKILL)
    assert sweep.returncode == code, said.read_text()
    logs = [file.read_text() for file in tmp_path.glob("runs/cells/*/log.txt")]
    assert len(logs) == processes
    for log in logs:
        assert "asked to stop by SIGTERM: saved at step" in log
        with pytest.raises(ProcessLookupError):
            os.kill(int(re.findall(r"process (\d+)", log)[0]), 0)
    assert len(list(tmp_path.glob("runs/cells/*/checkpoint/resume.ckpt"))) == processes
    assert not list(tmp_path.glob("runs/locks/*.lock"))


def test_a_grid_is_counted_before_it_is_composed() -> None:
    found = read_command_line("train", ["seed=1,2,3", "fraction=0.1,1.0", "backbone=toy_vit_p8"], None)
    assert (found.size, found.launcher, found.multirun) == (6, "basic", False)
    assert found.fixed == ["backbone=toy_vit_p8"]


def test_a_key_that_is_typed_twice_is_what_it_is_last() -> None:
    assert read_command_line("train", ["seed=1,2", "fraction=0.1,1.0", "seed=3"], None).swept == {
        "fraction": ["0.1", "1.0"]
    }
    assert read_command_line("train", ["seed=3", "seed=1,2"], None).swept == {"seed": ["1", "2"]}


def test_values_of_a_range_are_those_that_are_typed() -> None:
    found = read_command_line("train", ["fraction=range(0.1,0.6,0.1)", "+adaptation.x=[0.30000000000000004,a]"], None)
    assert found.swept == {"fraction": ["0.1", "0.2", "0.3", "0.4", "0.5"]}
    assert found.grid[0] == {"adaptation.x": "[0.3,a]"}
    assert read_choices(["fraction=0.30000000000000004"]) == {"fraction": "0.3"}


def test_an_interval_is_no_grid() -> None:
    with pytest.raises(
        MitofmError, match=r"adaptation.lr=interval\(1e-4,1e-3\): an interval needs a sweeper that draws"
    ):
        read_command_line("train", ["adaptation=full", "adaptation.lr=interval(1e-4,1e-3)"], None)


def test_without_submitit_slurm_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launching, "find_spec", lambda name: None)
    with pytest.raises(MitofmError, match=r"pip install 'mitofm\[slurm\]'"):
        check("hydra/launcher=slurm")
