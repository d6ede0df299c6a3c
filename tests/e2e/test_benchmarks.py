"""What `make bench-*` runs still runs, on next to nothing: the figures mean nothing here, only that there are some."""

import runpy
import sys
from pathlib import Path

import pytest

from mitofm.commands import train
from mitofm.training import fit

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SMALL = {
    "train": "--steps 5 --img-size 32 --crop-px 32 --backbone deit_tiny --batch 2",
    "embed": "--patches 8 --img-size 32 --crop-px 32 --repeats 1",
    "pretrain": "--steps 1 --threads 1",
    "probe": "--samples 8000 --width 16",
    "report": "--cells 4",
    "jackknife": "--slides 8 --samples 100 --repeats 1",
    "coverage": "--settings 2 --repetitions 4 --slides-at-most 8 --jobs 1",
    "robustness": "--repetitions 2 --jobs 1",
    "sweep": "--side 1 --composed 1 --fitted 1 --no-plan",
}


@pytest.mark.parametrize("name", SMALL)
def test_a_benchmark_prints_its_figures(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for place in ("DATA", "CACHE", "RUNS"):
        monkeypatch.setenv(f"MITOFM_{place}", str(tmp_path / place.lower()))
    monkeypatch.setenv("WANDB_MODE", "offline")
    for module, attribute in ((train, "run"), (fit, "fit_cell"), (fit, "fit_frozen")):  # sweep.py wraps them
        monkeypatch.setattr(module, attribute, getattr(module, attribute))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(BENCHMARKS)
    monkeypatch.setattr(sys, "argv", [f"{name}.py", *SMALL[name].split()])
    runpy.run_path(str(BENCHMARKS / f"{name}.py"), run_name="__main__")
    assert any(character.isdigit() for character in capfd.readouterr().out)
