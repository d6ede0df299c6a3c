"""A sweep that is killed at random, again and again, beside one that is left alone: `make torture`.

Each kill is a SIGKILL of the sweep's whole process group, at a random moment after it has begun to fit its first or second cell; then
the same command is given again. At the end every cell must be done, with metrics and predictions equal to the last byte to those of
the undisturbed sweep, and no cell may have been finished twice. Ends with 1 if that is not so.

Sweeps are forked from this process, which has imported what they need and begun nothing: imports take longer than their cells.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

import mitofm.training.frozen
import mitofm.training.gradient  # noqa: F401  and what these import
from mitofm import cli

RESULTS = ("metrics.json", "predictions.parquet", "split.parquet", "checkpoint/trained.safetensors")


def command(cells: int) -> list[str]:
    """A grid of half frozen, half trained cells, small enough to be fitted in about a second each."""
    seeds = ",".join(str(seed) for seed in range(cells // 4))
    tissue = [
        "data.source.domains=[canine lymphoma]",
        "data.source.slides_per_domain=6",
        "data.source.cells_per_slide=24",
    ]
    fit = ["fit.max_epochs=1", "fit.min_steps=30", "augment=dihedral", "trainer.checkpoint_seconds=0", "logger=csv"]
    machine = ["trainer.threads=1", "trainer.progress=false", "trainer.accelerator=cpu"]
    grid = [
        "adaptation=full,linear_probe",
        "fraction=0.5,1.0",
        f"seed={seeds}",
        "backbone=toy_vit_p16",
        "study=torture",
    ]
    return ["mitofm", "train", "-m", *grid, *tissue, *fit, *machine]


def start(place: Path, runs: str, cells: int) -> BaseProcess:
    sweep = get_context("fork").Process(target=run, args=(place, runs, cells))
    sweep.start()
    return sweep


def run(place: Path, runs: str, cells: int) -> None:
    """The life of a sweep's process: a group of its own, which can be killed as a whole."""
    os.setsid()
    log = os.open(place / f"{runs}.log", os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(log, stream)
    folders = {"DATA": place / "data", "CACHE": place / runs / "cache", "RUNS": place / runs}
    os.environ.update({f"MITOFM_{name}": str(folder) for name, folder in folders.items()})
    sys.argv = command(cells)
    cli.main()


def code(sweep: BaseProcess) -> int | None:
    """With what a sweep has ended."""
    sweep.join()
    return sweep.exitcode


def begun(runs: Path) -> int:
    """How often a process has begun to fit a cell."""
    return sum(log.read_text().count(" process ") for log in runs.glob("cells/*/log.txt"))


def find_finished(runs: Path) -> dict[str, tuple[int, int]]:
    """The marker of every finished cell: another inode or time would mean that it was finished again."""
    stats = {marker.parent.name: marker.stat() for marker in runs.glob("cells/*/DONE")}
    return {cell: (stat.st_ino, stat.st_mtime_ns) for cell, stat in stats.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--cells", type=int, default=40, help="a multiple of 4")
    parser.add_argument("--within", type=float, default=3.0, help="seconds after a cell's start in which a kill falls")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--place", type=Path, help="a folder for both sweeps; default: one that is removed")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        return torture(asked, asked.place or Path(temporary))


def torture(asked: argparse.Namespace, place: Path) -> int:
    place.mkdir(parents=True, exist_ok=True)
    if code(start(place, "calm", asked.cells)) != 0:
        print((place / "calm.log").read_text()[-3000:])
        return 1

    moments, storm = random.Random(asked.seed), place / "storm"
    kills = again = 0
    done: dict[str, tuple[int, int]] = {}
    while True:
        before = begun(storm)
        sweep = start(place, "storm", asked.cells)
        cells = moments.randint(1, 2)
        while kills < asked.kills and begun(storm) < before + cells and sweep.is_alive():
            time.sleep(0.02)
        if kills < asked.kills:
            time.sleep(moments.uniform(0, asked.within))
            if sweep.is_alive() and sweep.pid:
                os.killpg(sweep.pid, signal.SIGKILL)
                kills += 1
        ended = code(sweep)
        now = find_finished(storm)
        again += sum(now.get(cell) != marker for cell, marker in done.items())
        done = now
        if ended != -signal.SIGKILL:
            break

    cells = sorted(path.name for path in (place / "calm" / "cells").iterdir())
    differ = [
        f"{cell}/{name}"
        for cell in cells
        for name in RESULTS
        if not (storm / "cells" / cell / name).is_file()
        or (storm / "cells" / cell / name).read_bytes() != (place / "calm" / "cells" / cell / name).read_bytes()
    ]
    print(f"{kills} kills, {begun(storm)} starts of {len(cells)} cells, sweep ended with {ended}")
    print(
        f"{len(done)} cells done, {again} finished again, {len(differ)} of {len(cells) * len(RESULTS)} results differ"
    )
    if differ:
        print(*differ[:8], sep="\n")
    return int(ended != 0 or again > 0 or len(differ) > 0 or len(done) != len(cells))


if __name__ == "__main__":
    raise SystemExit(main())
