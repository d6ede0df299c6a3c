"""Made-up finished cells: clustered predictions whose truth is known, in the folders that `mitofm train` leaves."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mitofm.evaluation import metrics
from mitofm.evaluation.threshold import read_logit
from mitofm.ground import seeds

DOMAINS = ("breast", "lung", "lymphoma", "melanoma")
PARAMETERS = {"linear_probe": 1025, "lora": 600_000, "full": 22_000_000}
# Distance between the classes in units of the noise, by adaptation, at all labels and per factor of ten fewer.
STRENGTH = {"linear_probe": (1.5, 0.25), "lora": (2.1, 0.45), "full": (1.9, 0.65)}


def predictions(
    name: str, seed: int, strength: float, domains: tuple[str, ...], inside: str, slides: int, cells: int
) -> pd.DataFrame:
    """Predictions on test slides that depend on the seed only, so that configurations are paired."""
    shared = seeds.stream(seed, "cells")
    parts = []
    for domain in domains:
        # A third of the slides of a domain are tested under each seed.
        pool = shared.permutation(3 * slides)[:slides]
        slide = np.repeat(pool, shared.integers(cells // 2, cells * 2, slides))
        parts.append(pd.DataFrame({"slide": [f"{domain}_{number:03d}" for number in slide], "domain": domain}))
    table = pd.concat(parts, ignore_index=True)
    table["sample_id"] = [f"{slide}_{place}" for place, slide in enumerate(table["slide"])]
    table["label"] = (shared.random(len(table)) < 0.4).astype(int)
    offsets = {slide: seeds.stream(0, "slide", slide).normal(0, 0.5) for slide in table["slide"].unique()}
    noise = seeds.stream(seed, "noise", name)
    reach = np.where(table["domain"] == inside, 1.0, 0.7) if inside else 1.0
    table["logit"] = (
        strength * reach * table["label"]
        + table["slide"].map(offsets)
        + shared.normal(0, 0.8, len(table))
        + noise.normal(0, 0.6, len(table))
        - strength / 2
    )
    sides = np.where(table["domain"] == inside, "in_domain", "out_of_domain")
    table["evaluation_set"] = sides if inside else ""
    return table


LABELS: dict[str, Any] = {
    "dataset": "midog",
    "backbone": "uni",
    "weights": "pretrained",
    "adaptation": "lora",
    "fraction": 1.0,
    "seed": 42,
    "split": "in_domain",
    "train_domain": None,
    "augment": "standard",
    "protocol": "honest",
    "positive": "mitotic figure",
    "negative": "hard negative",
    "test_only": [],
}


class Study:
    """A runs folder that fills with made-up cells; `labels` are those of a cell that asks for nothing else."""

    labels = LABELS

    def __init__(self, runs: Path, name: str = "made_up") -> None:
        self.runs, self.name, self.cells = runs, name, []

    def add(self, *, slides: int = 4, cells: int = 12, domains: tuple[str, ...] = DOMAINS, **labels: Any) -> Path:
        """Add a finished cell with these labels."""
        labels = LABELS | labels
        adaptation, fraction = labels["adaptation"], labels["fraction"]
        full, loss = STRENGTH[adaptation]
        strength = full + loss * np.log10(fraction) - 0.25 * (labels["weights"] == "random")
        name = f"{labels['backbone']}-{labels['weights']}-{adaptation}"
        table = predictions(name, labels["seed"], strength, domains, labels["train_domain"] or "", slides, cells)
        labels |= {"n_train": max(4, round(4000 * fraction)), "n_validation": max(1, round(1000 * fraction))}
        folder = self.folder(labels)
        folder.mkdir(parents=True)
        table.to_parquet(folder / "predictions.parquet", index=False)
        split = table[["sample_id", "slide", "domain", "label"]].assign(species="dog", scanner=table["domain"])
        split.to_parquet(folder / "split.parquet", index=False)
        threshold = {"value": 0.4, "rule": "validation"}  # as before version 4
        self.write(
            folder, "metrics.json", {"threshold": threshold, "sets": metrics.summarise(table, read_logit(threshold))}
        )
        self.write(folder, "cell.json", {"id": folder.name[-12:], "labels": labels})
        self.write(folder, "cost.json", {"seconds": 1.5, "trained_parameters": PARAMETERS[adaptation]})
        (folder / "config.yaml").write_text("{}\n")
        (folder / "DONE").touch()
        return folder

    def grid(self, **axes: Any) -> None:
        """Add a cell for every combination; each axis is a list."""
        for values in product(*axes.values()):
            self.add(**dict(zip(axes, values, strict=True)))

    def folder(self, labels: dict[str, Any]) -> Path:
        """The folder of a cell, which then belongs to the study."""
        digest = f"{seeds.derive(0, json.dumps(labels, sort_keys=True, default=str)):016x}"[:12]
        name = f"{labels['backbone']}-{labels['adaptation']}-{labels['fraction']}-{labels['seed']}-{digest}"
        self.cells.append(name)
        listed = self.runs / "studies" / self.name / "cells.csv"
        listed.parent.mkdir(parents=True, exist_ok=True)
        pd.DataFrame({"cell": self.cells}).to_csv(listed, index=False)
        return self.runs / "cells" / name

    @staticmethod
    def write(folder: Path, file: str, content: dict[str, Any]) -> None:
        """A JSON file."""
        (folder / file).write_text(json.dumps(content), encoding="utf-8")
