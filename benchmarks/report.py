"""How long does the report of 1,000 cells take, with how much memory, and how large is its page? `make bench-report`

Writes 1,020 finished cells as `mitofm train` leaves them (4 backbones x 3 adaptations x 5 seeds, on all domains with five
fractions and on each of four domains with three; 2,000 test samples on 40 slides each), then has `mitofm report` run
twice in processes of their own: cold, and with the intervals that the first one kept.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from peaks import watch

from mitofm.commands.composing.compose import compose
from mitofm.evaluation import metrics, threshold
from mitofm.runs.resolve import plain

DOMAINS = ("breast", "lung", "lymphoma", "melanoma")
BACKBONES = ("small", "base", "large", "huge")
ADAPTATIONS = {"linear_probe": 1025, "lora": 600_000, "full": 22_000_000}
SEEDS = (42, 43, 44, 45, 46)
SLIDES, CELLS = 10, 50  # of each domain, of each slide


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, help="at most; all by default")
    parser.add_argument("--folder", type=Path, help="where the cells go, and stay; a temporary folder by default")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        root = asked.folder or Path(temporary)
        count = write_study(root / "runs", list(configurations())[: asked.cells])
        print(f"{count} cells, {len(DOMAINS) * SLIDES * CELLS} test samples on {len(DOMAINS) * SLIDES} slides each")
        most = 0.0
        for name in ("cold", "intervals kept"):
            wall, cpu, peak = time_report(root)
            most = max(most, peak)
            print(f"{name:15} {wall:6.0f} s, of CPU {cpu:.0f} s")
        out = root / "runs" / "reports" / "bench"
        print(f"memory          {most:6.0f} MiB at most")
        print(f"report.html     {(out / 'report.html').stat().st_size / 1e6:6.1f} MB")
        print(f"figures         {len(list(out.rglob('*.svg'))):6}")


def configurations() -> Iterator[dict[str, Any]]:
    """The labels of every cell."""
    sides = [("in_domain", "all", fraction) for fraction in (0.01, 0.03, 0.1, 0.3, 1.0)]
    sides += [("single_domain", domain, fraction) for domain in DOMAINS for fraction in (0.1, 0.3, 1.0)]
    for backbone, adaptation, (split, trained, fraction), seed in product(BACKBONES, ADAPTATIONS, sides, SEEDS):
        yield {
            "dataset": "midog", "backbone": backbone, "weights": "pretrained", "adaptation": adaptation,
            "fraction": fraction, "fraction_unit": "annotation", "seed": seed, "split": split, "train_domain": trained,
            "augment": "dihedral", "protocol": "honest", "positive": "mitotic figure", "negative": "look-alike",
            "n_train": round(6000 * fraction), "n_validation": round(1500 * fraction), "test_only": [],
            "slide_unit": "slide", "seen": [],
        }  # fmt: skip


def write_study(runs: Path, cells: list[dict[str, Any]]) -> int:
    """Write a finished cell for each of `cells`; returns how many the study holds."""
    names = []
    for place, labels in enumerate(cells):
        names.append(f"{'-'.join(str(labels[k]) for k in ('backbone', 'adaptation', 'fraction', 'seed'))}-{place:012x}")
        folder = runs / "cells" / names[-1]
        if not (folder / "DONE").exists():
            write_cell(folder, labels)
    study = runs / "studies" / "bench" / "cells.csv"
    study.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame({"cell": names}).to_csv(study, index=False)
    return len(names)


def write_cell(folder: Path, labels: dict[str, Any]) -> None:
    """What a report reads of a cell."""
    folder.mkdir(parents=True, exist_ok=True)
    domain, slide, sample = (
        part.ravel() for part in np.meshgrid(*map(np.arange, (len(DOMAINS), SLIDES, CELLS)), indexing="ij")
    )
    shared = np.random.default_rng(labels["seed"])  # the same test samples for every configuration of a seed
    label = (shared.random(sample.size) < 0.4).astype(int)
    common = shared.normal(0, 0.5, (len(DOMAINS), SLIDES))[domain, slide] + shared.normal(0, 0.8, sample.size)
    own = np.random.default_rng([labels["seed"], *folder.name.encode()])
    strength = 2 + 0.3 * BACKBONES.index(labels["backbone"]) + 0.4 * np.log10(labels["fraction"])
    foreign = (labels["split"] == "single_domain") & (np.array(DOMAINS)[domain] != labels["train_domain"])
    signal = strength * np.where(foreign, 0.7, 1.0) * (label - 0.5)
    names = np.array(DOMAINS)[domain]
    slides = np.char.add(np.char.add(names, "_"), slide.astype(str))
    table = pd.DataFrame(
        {
            "sample_id": np.char.add(np.char.add(slides, "_"), sample.astype(str)),
            "slide": slides,
            "domain": names,
            "label": label,
            "logit": signal + common + own.normal(0, 0.6, sample.size),
            "evaluation_set": np.where(foreign, "out_of_domain", "in_domain"),
        }
    )
    table.to_parquet(folder / "predictions.parquet", index=False)
    split = table[["sample_id", "slide", "domain", "label"]].assign(scanner=names, species="dog", part="test")
    split.to_parquet(folder / "split.parquet", index=False)
    parts = {
        "metrics.json": {"threshold": threshold.describe(-0.4, "validation"), "sets": metrics.summarise(table, -0.4)},
        "cell.json": {"id": folder.name, "labels": labels},
        "cost.json": {
            "seconds": float(own.lognormal(3, 0.2)) * (1 + BACKBONES.index(labels["backbone"])) * labels["fraction"],
            "trained_parameters": ADAPTATIONS[labels["adaptation"]],
            "peak_memory_mb": 800.0,
            "samples_per_second": 200.0,
        },
        "environment.json": {"device": "made up", "threads": 1},
    }
    (folder / "config.yaml").write_text(config(), encoding="utf-8")
    for name, content in parts.items():
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    (folder / "DONE").touch()


@cache
def config() -> str:
    """What a cell was made from: as long as a real one's, for a report reads every one."""
    composed = compose("train", ["data=synthetic", "backbone=toy_vit_p8", "adaptation=full"])
    return yaml.safe_dump(plain(composed), sort_keys=False)


def time_report(root: Path) -> tuple[float, float, float]:
    """Seconds that `mitofm report` takes, wall and CPU, and its peak memory, MiB."""
    paths = {"MITOFM_RUNS": str(root / "runs"), "MITOFM_CACHE": str(root / "cache")}
    wall = time.perf_counter()
    command = [sys.executable, "-m", "mitofm", "report", "study=bench"]
    begun = subprocess.Popen(command, env=os.environ | paths, stdout=subprocess.DEVNULL)
    used, peak = watch(begun)
    if begun.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {begun.returncode}")
    return time.perf_counter() - wall, used.ru_utime + used.ru_stime, peak


if __name__ == "__main__":
    main()
