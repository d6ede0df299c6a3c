"""Each process of a parallel sweep has a part of the machine to itself."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from mitofm.runs import devices

CLAIM = """
import os, sys
from mitofm.runs import devices
devices.claim(2, cpu_only=sys.argv[1] == "cpu")
devices.claim(2, cpu_only=sys.argv[1] == "cpu")  # once and for its life
print(os.environ.get("CUDA_VISIBLE_DEVICES", "-"), *sorted(os.sched_getaffinity(0)), flush=True)
sys.stdin.read()
assert "torch" not in sys.modules
"""


def claims(processes: int, kind: str, **environment: str) -> list[str]:
    """What each of several processes that live at once is pinned to."""
    command = [sys.executable, "-c", CLAIM, kind]
    given = {**os.environ, **environment}
    running = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=given)
        for _ in range(processes)
    ]
    pinned = [process.stdout.readline().strip() for process in running if process.stdout]
    for process in running:
        process.communicate()
    return sorted(pinned)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system pins no process to cores")
def test_one_gpu_each_and_the_next_sweep_shares_evenly(tmp_path: Path) -> None:
    smi = tmp_path / "nvidia-smi"
    smi.write_text("#!/bin/sh\necho GPU-a\necho GPU-b\n")
    smi.chmod(smi.stat().st_mode | stat.S_IEXEC)
    found = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "TMPDIR": str(tmp_path)}
    assert [line.split()[0] for line in claims(4, "auto", **found)] == ["GPU-a", "GPU-a", "GPU-b", "GPU-b"]
    visible = claims(2, "auto", CUDA_VISIBLE_DEVICES="3,5", TMPDIR=str(tmp_path))
    assert [line.split()[0] for line in visible] == ["3", "5"]


@pytest.mark.skipif(devices.count_cores() < 2, reason="one core cannot be shared out")
def test_without_a_gpu_cores_are_shared_out(tmp_path: Path) -> None:
    one, other = (line.split()[1:] for line in claims(2, "cpu", TMPDIR=str(tmp_path)))
    assert not set(one) & set(other)
    assert len(one) + len(other) == devices.count_cores()


def test_hidden_gpus_are_no_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    for hidden in ("", "-1"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
        assert devices.list_gpus() == []
