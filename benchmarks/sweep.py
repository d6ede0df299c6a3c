"""What a sweep costs beside its cells: `make bench-sweep`.

Skipping: a grid of finished cells, beside what Hydra alone takes to compose the same grid and to call a function that does
nothing. Overhead: what a cell of a warm process takes beyond fitting and predicting: config, folder, loggers, W&B offline.
CPU time of this process, which a busy machine changes little; the wall time stands beside it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import hydra

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


@dataclass
class Spent:
    """Seconds of the CPU and of the wall's clock."""

    cpu: float = 0.0
    wall: float = 0.0


@contextmanager
def spent(on: Spent) -> Iterator[None]:
    cpu, wall = time.process_time(), time.perf_counter()
    yield
    on.cpu += time.process_time() - cpu
    on.wall += time.perf_counter() - wall


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
    alone, skip = [Spent() for _ in range(repeats)], [Spent() for _ in range(repeats)]
    for one, other in zip(alone, skip, strict=True):
        with spent(one):
            hydra_alone(command)
        with spent(other):
            train.main(command)
    cells, pairs = side**3, list(zip(alone, skip, strict=True))
    print(f"{cells} finished cells, {repeats} pairs: CPU ms a cell, Hydra alone and mitofm:")
    print(*(f"{1000 * one.cpu / cells:.1f} and {1000 * other.cpu / cells:.1f}" for one, other in pairs), sep="; ")
    for clock in ("cpu", "wall"):
        print(f"ratio by {clock}: {statistics.median(getattr(b, clock) / getattr(a, clock) for a, b in pairs):.2f}")


def overhead(cells: int) -> None:
    """Each cell's `run` less its `fit_frozen`."""
    os.environ["WANDB_MODE"] = "offline"
    run, fit = train.run, mitofm.training.fit.fit_frozen
    whole, fitting = Spent(), Spent()

    def timed(call: Callable[..., Any], on: Spent) -> Callable[..., Any]:
        def inner(*given: Any, **named: Any) -> Any:
            with spent(on):
                return call(*given, **named)

        return inner

    train.run, mitofm.training.fit.fit_frozen = timed(run, whole), timed(fit, fitting)
    for first, count in ((True, 1), (False, cells)):
        whole.cpu = whole.wall = fitting.cpu = fitting.wall = 0.0
        seeds = ",".join(map(str, range(count) if not first else [1000]))
        train.main(["-m", f"seed={seeds}", "study=overhead", "backbone=toy_vit_p16", *TISSUE, *QUIET])
    cpu, wall = (whole.cpu - fitting.cpu) / cells, (whole.wall - fitting.wall) / cells
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
