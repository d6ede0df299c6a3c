"""What the books and the report of ten thousand finished cells cost: `make bench-books`.

12 backbones x 6 adaptations x 4 fractions x 5 seeds x 7 domains that are left out. 35 cells are fitted, one
for each split; every other one has the files of the cell of its split, with its own config, labels and costs, and logits
that a normal deviate was added to. Each DONE holds the checksums, and each cell is measured as one is that ends. One cell of a
hundred is first left out, and then added. Beside the report: what measuring its cells one by one, without each slide, would cost.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from clocks import read_clocks
from sweep import LARGE, RANDOM, SLIDES, run_apart, spell

from mitofm.commands.composing import command_line, grids
from mitofm.evaluation import metrics
from mitofm.evaluation.calibration import read_shift
from mitofm.evaluation.replicates import replicate
from mitofm.evaluation.threshold import read_logit
from mitofm.runs import sums
from mitofm.runs.books import studies
from mitofm.runs.contributions import STATISTICS, keep_contribution
from mitofm.runs.folder import CellFolder, State
from mitofm.runs.identity import Known

STUDY = "large"
GRID = [*spell(LARGE), *RANDOM, *SLIDES, f"study={STUDY}"]
FITTED = [
    *spell({key: LARGE[key] for key in ("seed", "split.domain")}), *RANDOM, *SLIDES, "backbone=toy_vit_p16", "study=fitted",
    "trainer.threads=1", "trainer.progress=false", "logger=none",
]  # fmt: skip
COPIED = ("environment.json", "metrics.json", "split.parquet")


def fit() -> None:
    """Fit a cell for each split."""
    said = subprocess.run(
        [sys.executable, "-m", "mitofm", "train", "-m", *FITTED], capture_output=True, text=True, check=False
    )
    if said.returncode:
        raise SystemExit(said.stderr)


def write_cells(runs: Path, most: int) -> tuple[list[studies.End], list[studies.End]]:
    """Write the finished cells of the grid; returns the first ones, and those to be added later."""
    line = command_line.read_command_line("train", GRID, None, multirun=True)
    known, models = Known(), read_fitted(runs)
    studies.note_grid(runs, STUDY, *line.grid)
    found: tuple[list[studies.End], list[studies.End]] = [], []
    cells = zip(line.list_cells(), grids.resolve_cells("train", None, line.list_cells(), line.cache), strict=True)
    for number, (cell, config) in enumerate(cells):
        if number == most:
            break
        settings = known.read(config)
        name = known.identify(settings).folder_name
        folder = CellFolder(runs, name)
        if folder.read_state() is not State.DONE:
            write_cell(folder, config, models[config["split"]["domain"], config["seed"]], number)
        found[number % 100 == 99].append(studies.End(name, State.DONE, command_line.read_choices(cell)))
    return found


def read_fitted(runs: Path) -> dict[tuple[str, int], dict[str, Any]]:
    """What was fitted, by domain and seed: its files, and its predictions."""
    found = {}
    for name in studies.read(runs, "fitted").cells:
        place = runs / "cells" / name
        labels = json.loads((place / "cell.json").read_bytes())
        key = labels["labels"]["train_domain"].removeprefix("all but "), labels["labels"]["seed"]
        found[key] = {
            "cell.json": labels,
            "cost.json": json.loads((place / "cost.json").read_bytes()),
            "predictions.parquet": pd.read_parquet(place / "predictions.parquet"),
            **{file: (place / file).read_bytes() for file in COPIED},
        }
    return found


def write_cell(folder: CellFolder, config: dict[str, Any], model: dict[str, Any], number: int) -> None:
    """Write a finished cell that has another config than the one whose files it has."""
    own = np.random.default_rng(number)
    folder.path.mkdir(parents=True, exist_ok=True)
    labels = model["cell.json"]["labels"]
    names = {key: config[key]["name"] for key in ("backbone", "adaptation")}
    counts = {key: max(8, round(labels[key] * config["fraction"])) for key in ("n_train", "n_validation")}
    told = {"id": f"{number:064x}", "labels": labels | names | counts | {"fraction": config["fraction"]}}
    cost = model["cost.json"] | {
        "seconds": float(own.lognormal(3, 0.2)),
        "trained_parameters": 385 * 10 ** LARGE["adaptation"].index(names["adaptation"]),
    }
    predictions = model["predictions.parquet"]
    logits = predictions["logit"] + own.normal(0, 1, len(predictions))
    predictions.assign(logit=logits).to_parquet(folder.path / "predictions.parquet", index=False)
    for name in COPIED:
        (folder.path / name).write_bytes(model[name])
    (folder.path / "config.yaml").write_text(yaml.dump(config, Dumper=yaml.CSafeDumper, sort_keys=False))
    for name, content in (("cell.json", told), ("cost.json", cost)):
        (folder.path / name).write_text(json.dumps(content, indent=2, sort_keys=True))
    (folder.path / "DONE").write_text(sums.take(folder.path))
    keep_contribution(folder.path, Path(os.environ["MITOFM_CACHE"]))


def time_adding(runs: Path, ends: list[studies.End]) -> None:
    """Add each cell as a run does when it ends."""
    start = read_clocks()
    for one in ends:
        studies.note_end(runs, STUDY, one.cell, one.state, fitted=True, chosen=one.chosen)
    wall, cpu = (read_clocks() - start) / len(ends)
    print(f"a cell added to the study, mean of {len(ends)}: {1000 * cpu:.2f} CPU ms, {1000 * wall:.2f} ms", flush=True)


def time_measuring(runs: Path, cells: int) -> None:
    """Measure some cells without each slide, as a report did before anything was kept, and as a cell does when it ends."""
    folders = [runs / "cells" / name for name in list(studies.read(runs, STUDY).cells)[:: 10_080 // cells][:cells]]
    start = read_clocks()
    for folder in folders:
        found = json.loads((folder / "metrics.json").read_bytes())
        at, shift = read_logit(found["threshold"]), read_shift(found)
        for part in metrics.evaluation_sets(pd.read_parquet(folder / "predictions.parquet")).values():
            replicate(part, at, shift)
    alone = (read_clocks() - start)[1] / len(folders)
    start = read_clocks()
    for folder in folders:
        keep_contribution(folder, runs / "measured apart")
    kept = (read_clocks() - start)[1] / len(folders)
    print(
        f"a cell measured set by set: {1000 * alone:.0f} CPU ms, mean of {len(folders)}; and kept when it ends: {1000 * kept:.0f}"
    )


def steps(runs: Path, early: list[studies.End], late: list[studies.End]) -> Iterator[tuple[str, list[str]]]:
    """What is measured, in this order, with the cells added between."""
    status, report = ["status", f"study={STUDY}"], ["report", f"study={STUDY}", f"out={runs / 'reports' / STUDY}"]
    studies.note_ends(runs, STUDY, early)
    studies.note_ends(runs, STUDY, early)  # a real one has two lines a cell
    for when in ("first", "second"):
        yield f"status study={STUDY}, {when} time", status
    yield "status of all studies", ["status"]
    time_measuring(runs, 40)
    yield "report, cold, cells kept as they ended", report
    yield "report, the same again", report
    time_adding(runs, late)
    yield f"status study={STUDY} after {len(late)} new cells", status
    yield f"report after {len(late)} new cells", report
    shutil.rmtree(Path(os.environ["MITOFM_CACHE"]) / STATISTICS)
    yield "report, nothing kept", report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=10_080, help="at most")
    parser.add_argument("--folder", type=Path, help="where the cells go, and stay; a temporary folder by default")
    parser.add_argument("--only", default="", help="steps whose names hold this word")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        root = (asked.folder or Path(temporary)).absolute()
        for name in ("DATA", "CACHE", "RUNS"):
            os.environ[f"MITOFM_{name}"] = f"{root}/{name.lower()}"
        start = time.perf_counter()
        fit()
        early, late = write_cells(root / "runs", asked.cells)
        print(f"{len(early) + len(late)} finished cells, written in {time.perf_counter() - start:.0f} s", flush=True)
        for name, command in steps(root / "runs", early, late):
            if asked.only in name:
                cpu, wall, peak = run_apart(*command)
                print(f"{name}: {cpu:.1f} CPU s, {wall:.1f} s, {peak:.0f} MB", flush=True)


if __name__ == "__main__":
    main()
