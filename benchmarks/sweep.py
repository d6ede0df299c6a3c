"""What a sweep costs beside its cells: `make bench-sweep`.

Skipping: a grid of finished cells, beside what Hydra alone takes to compose the same grid and to call a function that does
nothing. Overhead: what a cell of a warm process takes beyond fitting and predicting: config, folder, loggers, W&B offline.
CPU time of this process, which a busy machine changes little; the wall time stands beside it.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from typing import Any

import hydra
import numpy as np
from clocks import measure, read_clocks

import mitofm.training.fit
from mitofm.commands import train
from mitofm.commands.composing import register_user_configs
from mitofm.ground.config import conf_dir

TISSUE = ["data.source.domains=[canine lymphoma]", "data.source.slides_per_domain=6", "data.source.cells_per_slide=24"]
QUIET = [
    "hydra.job_logging.root.level=ERROR",
    "hydra.hydra_logging.root.level=ERROR",
    "trainer.progress=false",
    "trainer.threads=1",
]


def hydra_alone(arguments: list[str]) -> None:
    """What Hydra takes to compose a grid and to call a function for each of its cells."""
    register_user_configs()
    sys.argv = ["mitofm train", *arguments]
    hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="train")(lambda config: None)()


def skipping(side: int, repeats: int) -> None:
    numbers = range(1, side + 1)
    axes = {"seed": numbers, "fit.max_epochs": numbers, "fraction": [number / side for number in numbers]}
    grid = [f"{key}={','.join(map(str, values))}" for key, values in axes.items()]
    command = ["-m", *grid, "study=skipped", *TISSUE, *QUIET]
    fit = mitofm.training.fit.fit_cell
    mitofm.training.fit.fit_cell = lambda *_: {"sets": {"all": {"auroc": None}}}  # they are marked as finished
    train.main(command)
    mitofm.training.fit.fit_cell = fit
    cells = side**3
    pairs = [(measure(lambda: hydra_alone(command)), measure(lambda: train.main(command))) for _ in range(repeats)]
    print(f"{cells} finished cells, {repeats} pairs: CPU ms a cell, Hydra alone and mitofm:")
    print(*(f"{1000 * one[1] / cells:.1f} and {1000 * other[1] / cells:.1f}" for one, other in pairs), sep="; ")
    wall, cpu = np.median([other / one for one, other in pairs], axis=0)
    print(f"ratio by cpu: {cpu:.2f}")
    print(f"ratio by wall: {wall:.2f}")


def overhead(cells: int) -> None:
    """Each cell's `run` less its `fit_frozen`."""
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
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--fitted", type=int, default=8)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        for name in ("DATA", "CACHE", "RUNS"):
            os.environ[f"MITOFM_{name}"] = f"{place}/{name.lower()}"
        skipping(asked.side, asked.repeats)
        overhead(asked.fitted)


if __name__ == "__main__":
    main()
