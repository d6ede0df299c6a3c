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
TOY = [MITOFM, "train", "-m", "backbone=toy_vit_p16", "study=all", "trainer.threads=1", "trainer.progress=false",
       "trainer.accelerator=cpu", "trainer.checkpoint_seconds=0", "logger=none", "augment=none",
       "data.source.domains=[canine lymphoma]", "data.source.slides_per_domain=6", "data.source.cells_per_slide=24"]  # fmt: skip
TRAINED = [*TOY, "adaptation=full", "seed=1,2,3,4", "fit.max_epochs=1", "fit.min_steps=40"]
CELLS = int(os.environ.get("MITOFM_SLURM_CELLS", "40"))  # 200 take five minutes and more
MANY = [*TOY, "adaptation=prototype", "fraction=0.5,1.0", "seed=1", f"split_seed=range({CELLS // 2})"]
SLURM = ["hydra/launcher=slurm", "hydra.launcher.mem_gb=1", "hydra.launcher.timeout_min=20"]
NEEDED = ("slurmctld", "slurmd", "munged", "srun")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
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
    folder = tmp_path_factory.mktemp("slurm")
    place = {f"MITOFM_{name.upper()}": str(folder / name) for name in ("data", "cache")}
    started = subprocess.run(
        [Path(__file__).with_name("start.sh"), folder], capture_output=True, text=True, timeout=120
    )
    environment = {
        **os.environ,
        **place,
        "PATH": path,
        "SLURM_CONF": str(folder / "slurm.conf"),
        "OMP_NUM_THREADS": "1",
    }
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


def run_calmly(sweep: list[str], cluster: dict[str, str], runs: Path) -> None:
    """What the basic launcher gives."""
    done = subprocess.run(sweep, env=cluster | {"MITOFM_RUNS": str(runs)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_sweep_outlives_preemption_and_kills(cluster: dict[str, str], tmp_path: Path) -> None:
    run_calmly(TRAINED, cluster, tmp_path / "calm")
    runs = tmp_path / "runs"
    output = (tmp_path / "sweep.log").open("w")
    sweep = subprocess.Popen(
        [*TRAINED, *SLURM, "hydra.launcher.cells_per_job=2"],
        env=cluster | {"MITOFM_RUNS": str(runs)},
        stdout=output,
        stderr=subprocess.STDOUT,
        text=True,
    )

    def in_training() -> list[Path]:
        cells = [file.parent.parent for file in runs.glob("cells/*/checkpoint/resume.ckpt")]
        return [cell for cell in cells if times_run(cell) == 1]

    until(in_training, sweep)
    preempted = in_training()[0]
    subprocess.run(["scontrol", "requeue", job(process(preempted))], env=cluster, check=True)

    until(lambda: [cell for cell in in_training() if cell != preempted], sweep)
    killed = next(cell for cell in in_training() if cell != preempted)
    os.killpg(os.getpgid(process(killed)), signal.SIGKILL)

    assert sweep.wait(timeout=900) == 0, (tmp_path / "sweep.log").read_text()
    assert len(list(runs.glob("cells/*/DONE"))) == 4
    assert {cell.name: times_run(cell) for cell in runs.glob("cells/*")} == {
        cell.name: 2 if cell in (preempted, killed) else 1 for cell in runs.glob("cells/*")
    }
    assert "asked to stop by SIGTERM: saved" in (preempted / "log.txt").read_text()
    assert predictions(runs) == predictions(tmp_path / "calm")


def test_many_cells_in_few_jobs_of_which_one_dies(cluster: dict[str, str], tmp_path: Path) -> None:
    run_calmly(MANY, cluster, tmp_path / "calm")
    runs = tmp_path / "runs"
    place = cluster | {"MITOFM_RUNS": str(runs)}
    never_again = [*MANY, *SLURM, f"hydra.launcher.cells_per_job={CELLS // 8}", "hydra.launcher.setup=null"]
    output = (tmp_path / "sweep.log").open("w")
    sweep = subprocess.Popen(never_again, env=place, stdout=output, stderr=subprocess.STDOUT, text=True)
    until(lambda: len(list(runs.glob("cells/*/DONE"))) > 3, sweep)
    running = next(cell for cell in sorted(runs.glob("cells/*"), key=lambda cell: -cell.stat().st_mtime))
    os.killpg(os.getpgid(process(running)), signal.SIGKILL)
    code = sweep.wait(timeout=900)
    said = (tmp_path / "sweep.log").read_text()
    done = len(list(runs.glob("cells/*/DONE")))
    assert CELLS - code <= done <= CELLS, said  # the cell at which it died is left, unless that had just ended
    assert said.count("its job died: the same command goes on with it") == code
    again = subprocess.run([*MANY, *SLURM], env=place, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert predictions(runs) == predictions(tmp_path / "calm")
    logs = [file.read_text() for file in runs.glob("cells/*/log.txt")]
    processes = {line.split(" process ")[1] for log in logs for line in log.splitlines() if " process " in line}
    jobs = {file.name.split("_log")[0] for file in runs.glob("hydra/.submitit/*/*_log.out")}
    assert len(processes) <= len(jobs) <= 10, (processes, jobs)
