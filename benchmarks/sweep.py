"""What a sweep costs beside its cells: `make bench-sweep`.

Skipping and planning: CPU time of the whole process, with its imports, and its peak memory, with an empty memory of configs and
with a full one, beside what Hydra alone takes to compose some of the same cells. Overhead: what a cell of a warm process takes
beyond fitting and predicting: config, folder, loggers, W&B offline.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hydra
import numpy as np
from clocks import read_clocks
from peaks import watch

from mitofm.commands import train
from mitofm.commands.composing import command_line, grids
from mitofm.commands.composing import compose as composing
from mitofm.runs import sums
from mitofm.runs.folder import CellFolder, State
from mitofm.runs.identity import Known

TISSUE = ["data.source.domains=[canine lymphoma]", "data.source.slides_per_domain=6", "data.source.cells_per_slide=24"]
QUIET = [
    "hydra.job_logging.root.level=ERROR",
    "hydra.hydra_logging.root.level=ERROR",
    "trainer.progress=false",
    "trainer.threads=1",
]


DOMAINS = [
    "canine cutaneous mast cell tumor", "canine lung cancer", "canine lymphoma", "canine soft tissue sarcoma",
    "human breast cancer", "human melanoma", "human neuroendocrine tumor",
]  # fmt: skip
BACKBONES = [
    "toy_vit_p8", "toy_vit_p16", "nano", "vit_tiny", "vit_small", "deit_tiny", "dinov2_s", "resnet18", "kaiko_s16",
    "lunit_s16", "mobilenetv2", "dinov3_s",
]  # fmt: skip
ADAPTATIONS = ["linear_probe", "knn", "lora", "full", "bitfit", "mlp_probe"]
LARGE = {
    "backbone": BACKBONES, "adaptation": ADAPTATIONS, "fraction": [0.1, 0.25, 0.5, 1.0], "seed": [1, 2, 3, 4, 5],
    "split.domain": DOMAINS,
}  # fmt: skip
FILES = (
    "cell.json",
    "config.yaml",
    "cost.json",
    "environment.json",
    "metrics.json",
    "predictions.parquet",
    "split.parquet",
)
RANDOM = ["split=leave_one_out", "backbone.weights=random"]
SLIDES = ["data.source.slides_per_domain=6", "data.source.cells_per_slide=24"]


def spell(axes: dict[str, list]) -> list[str]:
    return [f"{key}={','.join(map(str, values))}" for key, values in axes.items()]


def run_apart(*command: str) -> tuple[float, float, float]:
    """CPU seconds of the process tree of a command, wall seconds, and the peak memory of its largest process (MB)."""
    start = time.perf_counter()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen([sys.executable, "-m", "mitofm", *command], stdout=said, stderr=said)
        used, peak = watch(process)
        if process.returncode:
            said.seek(0)
            raise SystemExit(said.read().decode())
    return used.ru_utime + used.ru_stime, time.perf_counter() - start, peak


def compose_with_hydra(cells: list[list[str]], count: int) -> float:
    """CPU seconds that Hydra alone takes for a cell, mean of `count` spread over the grid."""
    spread = [cells[number * len(cells) // count] for number in range(count)]
    with composing.start_hydra(None):
        composing.compose_started("train", spread[0])
        start = time.process_time()
        for cell in spread:
            hydra.compose("train", overrides=cell, return_hydra_config=True)
        return (time.process_time() - start) / count


def forget(*folders: str) -> None:
    for folder in folders:
        shutil.rmtree(Path(os.environ["MITOFM_CACHE"]) / folder, ignore_errors=True)


def finish(line: command_line.CommandLine) -> None:
    """Mark each cell as finished, with as many files as a real one has."""
    known = Known()
    for config in grids.resolve_grid(line, every_cell=True):
        settings = known.read(config)
        folder = CellFolder(settings.paths.runs, known.identify(settings).folder_name)
        folder.path.mkdir(parents=True)
        for name in FILES:
            (folder.path / name).write_text("{}")
        folder.mark(State.DONE, sums.take(folder.path))


def skipping(side: int, composed: int) -> None:
    numbers = list(range(1, side + 1))
    axes = {"seed": numbers, "fit.max_epochs": numbers, "fraction": [number / side for number in numbers]}
    command = ["-m", *spell(axes), "study=skipped", *TISSUE, *QUIET]
    line = command_line.read_command_line("train", command[1:], None, multirun=True)
    finish(line)
    cells = line.list_cells()
    alone = compose_with_hydra(cells, composed)
    print(f"Hydra alone composes {composed} of {len(cells)} cells: {1000 * alone:.1f} CPU ms each")
    forget("configs")
    for when in ("empty", "full"):
        cpu, wall, peak = run_apart("train", *command)
        ratio = alone * len(cells) / cpu
        print(
            f"{len(cells)} finished cells skipped, memory {when}: {cpu:.1f} CPU s ({1000 * cpu / len(cells):.2f} ms a cell), "
            f"{wall:.1f} s, {peak:.0f} MB: 1/{ratio:.0f} of Hydra alone"
        )
    one = cells[0]
    print("one finished cell:", *(f"{run_apart('train', *one)[0]:.2f} CPU s" for _ in range(3)))


def planning(composed: int) -> None:
    command = ["-m", *spell(LARGE), *RANDOM, *SLIDES, "study=large"]
    line = command_line.read_command_line("train", command[1:], None, multirun=True)
    alone = compose_with_hydra(line.list_cells(), composed)
    run_apart("prepare", *SLIDES)
    forget("configs", "models", "plans")
    for when in ("first", "second"):
        cpu, wall, peak = run_apart("plan", *command)
        print(
            f"plan of {line.size} cells, {when} time: {cpu:.1f} CPU s, {wall:.1f} s, {peak:.0f} MB; "
            f"Hydra alone would compose them in {alone * line.size:.0f} CPU s ({1000 * alone:.0f} ms each, mean of {composed})"
        )


def overhead(cells: int) -> None:
    """Each cell's `run` less its `fit_frozen`."""
    import mitofm.training.fit  # it brings torch, whose memory the processes above would count as theirs

    os.environ["WANDB_MODE"] = "offline"
    run, fit = train.run, mitofm.training.fit.fit_frozen
    whole, fitting = np.zeros(2), np.zeros(2)

    def timed(call: Callable[..., Any], on: np.ndarray) -> Callable[..., Any]:
        def inner(*given: Any, **named: Any) -> Any:
            start = read_clocks()
            found = call(*given, **named)
            on[:] += read_clocks() - start
            return found

        return inner

    train.run, mitofm.training.fit.fit_frozen = timed(run, whole), timed(fit, fitting)
    for first, count in ((True, 1), (False, cells)):
        whole[:] = fitting[:] = 0.0
        seeds = ",".join(map(str, range(count) if not first else [1000]))
        train.main(["-m", f"seed={seeds}", "study=overhead", "backbone=toy_vit_p16", *TISSUE, *QUIET])
    wall, cpu = (whole - fitting) / cells
    print(f"overhead of a cell in a warm process, mean of {cells}: {cpu:.2f} s of CPU, {wall:.2f} s of wall time")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=10, help="values of each of three swept keys")
    parser.add_argument("--composed", type=int, default=100, help="cells that Hydra alone composes")
    parser.add_argument("--fitted", type=int, default=8)
    parser.add_argument("--plan", action=argparse.BooleanOptionalAction, default=True)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        for name in ("DATA", "CACHE", "RUNS"):
            os.environ[f"MITOFM_{name}"] = f"{place}/{name.lower()}"
        skipping(asked.side, asked.composed)
        if asked.plan:
            planning(asked.composed)
        overhead(asked.fitted)


if __name__ == "__main__":
    main()
