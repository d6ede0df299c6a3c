"""A real Slurm of one node: a sweep outlives a preempted job and a killed one, and gives what the basic launcher gives."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

MITOFM = str(Path(sys.executable).parent / "mitofm")
SWEEP = [MITOFM, "train", "-m", "adaptation=full,linear_probe", "fraction=0.5,1.0", "seed=1,2,3", "backbone=toy_vit_p16", "study=all",
         "trainer.threads=1", "trainer.progress=false", "trainer.accelerator=cpu", "trainer.checkpoint_seconds=0", "logger=none",
         "fit.max_epochs=1", "fit.min_steps=40", "augment=none", "data.source.domains=[canine lymphoma]", "data.source.slides_per_domain=6",
         "data.source.cells_per_slide=24"]  # fmt: skip
SLURM = ["hydra/launcher=slurm", "hydra.launcher.mem_gb=1", "hydra.launcher.timeout_min=20"]
NEEDED = ("slurmctld", "slurmd", "munged", "srun")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment in which Slurm's commands find a cluster of one node with two cores."""
    path = f"{os.environ['PATH']}:/usr/sbin"
    absent = [name for name in NEEDED if shutil.which(name, path=path) is None]
    if not os.environ.get("MITOFM_SLURM"):
        pytest.skip("a minute of its own: make test-slurm (MITOFM_SLURM=1)")
    pytest.importorskip("submitit", reason="the extra `slurm` is not installed")
    if absent or os.geteuid() != 0:
        pytest.skip(
            f"not root, or not installed: {', '.join(absent) or '-'} (apt-get install slurmctld slurmd munge slurm-client)"
        )
    folder = tmp_path / "slurm"
    folder.mkdir()
    started = subprocess.run(
        [Path(__file__).with_name("start.sh"), folder], capture_output=True, text=True, timeout=120
    )
    environment = {**os.environ, "PATH": path, "SLURM_CONF": str(folder / "slurm.conf"), "OMP_NUM_THREADS": "1"}
    try:
        if started.returncode != 0:  # what a container may do differs: the log says what this one forbids
            pytest.skip(f"Slurm is installed but does not start here: {started.stderr[-2000:]}")
        yield environment
    finally:
        # A job outlives its daemons: first the jobs end, then they do.
        subprocess.run(["scancel", "--user", "root"], env=environment, check=False)
        until_s = time.monotonic() + 60
        while (
            time.monotonic() < until_s and subprocess.run(["squeue", "-h"], env=environment, capture_output=True).stdout
        ):
            time.sleep(0.5)
        for file in folder.glob("*.pid"):
            os.kill(int(file.read_text()), signal.SIGTERM)


def until(met: Callable[[], object], sweep: subprocess.Popen[str], seconds: float = 600) -> None:
    deadline = time.monotonic() + seconds
    while not met():
        assert sweep.poll() is None, sweep.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def process(cell: Path) -> int:
    """The process that runs a cell, from the first line of its log's last run."""
    lines = [line for line in (cell / "log.txt").read_text().splitlines() if " process " in line]
    return int(lines[-1].split(" process ")[1].split()[0])


def job(number: int) -> str:
    """The Slurm job that a process belongs to."""
    values = dict(one.partition("=")[::2] for one in Path(f"/proc/{number}/environ").read_text().split("\0"))
    return f"{values['SLURM_ARRAY_JOB_ID']}_{values['SLURM_ARRAY_TASK_ID']}"


def times_run(cell: Path) -> int:
    return (cell / "log.txt").read_text().count(" process ")


def predictions(runs: Path) -> dict[str, bytes]:
    return {file.parent.name: file.read_bytes() for file in runs.glob("cells/*/predictions.parquet")}


def test_a_sweep_outlives_preemption_and_kills(cluster: dict[str, str], tmp_path: Path) -> None:
    place = {"MITOFM_DATA": f"{tmp_path}/data", "MITOFM_CACHE": f"{tmp_path}/cache"}
    calm = subprocess.run(
        SWEEP, env={**cluster, **place, "MITOFM_RUNS": f"{tmp_path}/calm"}, capture_output=True, text=True
    )
    assert calm.returncode == 0, calm.stderr

    runs = tmp_path / "runs"
    environment = {**cluster, **place, "MITOFM_RUNS": str(runs)}
    output = (tmp_path / "sweep.log").open("w")
    sweep = subprocess.Popen([*SWEEP, *SLURM], env=environment, stdout=output, stderr=subprocess.STDOUT, text=True)

    def in_training() -> list[Path]:
        cells = [file.parent.parent for file in runs.glob("cells/*/checkpoint/resume.ckpt")]
        return [cell for cell in cells if times_run(cell) == 1]

    until(in_training, sweep)
    preempted = in_training()[0]
    subprocess.run(["scontrol", "requeue", job(process(preempted))], env=environment, check=True)

    until(lambda: [cell for cell in in_training() if cell != preempted], sweep)
    killed = next(cell for cell in in_training() if cell != preempted)
    os.killpg(os.getpgid(process(killed)), signal.SIGKILL)

    assert sweep.wait(timeout=900) == 0, (tmp_path / "sweep.log").read_text()
    assert len(list(runs.glob("cells/*/DONE"))) == 12
    assert {cell.name: times_run(cell) for cell in runs.glob("cells/*")} == {
        cell.name: 2 if cell in (preempted, killed) else 1 for cell in runs.glob("cells/*")
    }
    assert "asked to stop by SIGTERM: saved" in (preempted / "log.txt").read_text()
    assert predictions(runs) == predictions(tmp_path / "calm")
