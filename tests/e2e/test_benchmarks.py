"""What `make bench-*` runs still runs, on next to nothing: the figures mean nothing here, only that there are some."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SMALL = {
    "train": "--steps 5 --img-size 32 --crop-px 32 --backbone deit_tiny --batch 2",
    "embed": "--patches 8 --img-size 32 --crop-px 32 --repeats 1",
    "pretrain": "--steps 1 --threads 1",
    "probe": "--cells 8000 --width 16",
    "bootstrap": "--slides 8 --cells 100 --seeds 1 --written-out 2 --repeats 1",
    "report": "--cells 4",
    "sweep": "--side 1 --repeats 1 --fitted 1",
}


@pytest.mark.parametrize("name", SMALL)
def test_a_benchmark_prints_its_figures(name: str, tmp_path: Path) -> None:
    command = [sys.executable, str(BENCHMARKS / f"{name}.py"), *SMALL[name].split()]
    places = {f"MITOFM_{place}": str(tmp_path / place.lower()) for place in ("DATA", "CACHE", "RUNS")}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, env={**os.environ, **places}, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert any(character.isdigit() for character in done.stdout)
