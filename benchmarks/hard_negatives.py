"""What are ordinary nuclei in training worth for detection? `make bench-hard-negatives`

Cells with and without `data.proposals`, trained and evaluated by the commands that people type, on generator seeds that nothing was
tuned on: F1 of proposals and cell on test slides, at the threshold of highest F1 on validation slides; and AUROC among annotated
candidates, which must not pay for it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

QUICK = ("trainer.accelerator=cpu", "trainer.threads=1", "trainer.progress=false")


def main() -> None:
    """Print a row for each adaptation and ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="where all goes, and stays; a temporary folder by default")
    parser.add_argument("--seeds", type=int, nargs="+", default=[31, 32, 33, 34, 35], help="of the generator")
    parser.add_argument(
        "--ratios", type=float, nargs="+", default=[0, 1, 4], help="proposals for each annotated sample"
    )
    parser.add_argument("--adaptations", nargs="+", default=["linear_probe", "lora"])
    parser.add_argument("--slides", type=int, default=8, help="of each domain")
    parser.add_argument("--dense", action="store_true", help="also on a regular grid in place of proposals")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        root = (asked.folder or Path(temporary)).resolve()
        os.environ |= {f"MITOFM_{place}": str(root / place.lower()) for place in ("DATA", "CACHE")}
        for adaptation in asked.adaptations:
            found = {
                ratio: [measure(root, adaptation, ratio, seed, asked) for seed in asked.seeds] for ratio in asked.ratios
            }
            for ratio, rows in found.items():
                means = {name: np.mean([row[name] for row in rows]) for name in rows[0]}
                gained = [row["f1"] - base["f1"] for row, base in zip(rows, found[asked.ratios[0]], strict=True)]
                print(f"{adaptation}, {ratio:g} proposals per sample: F1 {means['f1']:.3f} ({spell(gained)}), precision "
                      f"{means['precision']:.3f}, recall {means['recall']:.3f}; false: {means['a look-alike']:.0f} look-alikes, "
                      f"{means['neither']:.0f} others; AUROC of candidates {means['auroc']:.3f}", flush=True)  # fmt: skip
                if asked.dense:
                    print(f"    on a regular grid: F1 {means['grid_f1']:.3f}, precision {means['grid_precision']:.3f}, "
                          f"recall {means['grid_recall']:.3f}", flush=True)  # fmt: skip


def spell(gained: list[float]) -> str:
    """Differences by seed."""
    return ", ".join(f"{one:+.3f}" for one in gained)


def measure(root: Path, adaptation: str, ratio: float, seed: int, asked: argparse.Namespace) -> dict[str, float]:
    """Train a cell, evaluate it, and read what both wrote."""
    runs = root / "runs" / f"{adaptation}-{ratio:g}-{seed}"
    more = ["data.proposals=true", f"data.proposals_ratio={ratio:g}"] if ratio else []
    run("train", "data=synthetic", f"data.source.seed={seed}", f"data.source.slides_per_domain={asked.slides}", "backbone=nano",
        f"adaptation={adaptation}", "logger=none", f"paths.runs={runs}", *more)  # fmt: skip
    (done,) = runs.glob("cells/*/DONE")
    row = detect(done.parent, runs, "blobs")
    metrics = json.loads((done.parent / "metrics.json").read_text())
    found = {**row[["f1", "precision", "recall", "a look-alike", "neither"]], "auroc": metrics["sets"]["all"]["auroc"]}
    if asked.dense:
        grid = detect(done.parent, runs, "dense")
        found |= {f"grid_{name}": grid[name] for name in ("f1", "precision", "recall")}
    return found


def detect(cell: Path, runs: Path, proposals: str) -> pd.Series:
    """What an evaluation says of all test slides together."""
    out = runs / f"evaluated-{proposals}"
    run("count", cell, "evaluate=true", f"proposals={proposals}", f"output={out}", f"paths.runs={runs}")
    return pd.read_csv(out / "detection.csv").set_index("set").loc["all"]


def run(*words: object) -> None:
    """Type a command."""
    subprocess.run([sys.executable, "-m", "mitofm", *map(str, words), *QUICK], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
