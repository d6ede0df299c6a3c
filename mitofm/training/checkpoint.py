"""The folder `checkpoint/` of a cell: the trained tensors, their description, and what an interrupted training resumes from."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from mitofm.ground import fingerprints, versions
from mitofm.ground.files import checksum, remove, require_held, write_json
from mitofm.training.cell import Cell
from mitofm.training.settings import Forward

FORMAT = 2  # 2: how much of a patch is seen, the version of the embeddings
FOLDER = Path("checkpoint")
TENSORS, DESCRIPTION = "trained.safetensors", "checkpoint.json"
TRAINED, BEST, RESUME, TRIALS = (FOLDER / name for name in (TENSORS, "best.safetensors", "resume.ckpt", "search"))
"""Within a cell's folder: its weights; those of its best check so far, its resume file and its trials, until it is done."""
CURVES = Path("curves.csv")
"""Within a cell's folder: its learning curves."""


def describe(cell: Cell, cell_id: str, labels: Mapping[str, Any], metrics: Mapping[str, Any]) -> None:
    """Write `checkpoint.json` beside the tensors of a fitted cell: enough to use them elsewhere, or to refuse a misfit."""
    folder = cell.folder / FOLDER
    card = cell.settings.dataset.card
    patches = {"dataset": card.name, "crop_px": card.crop_px, "centre_px": cell.store.crop_px, "mpp": card.mpp}
    description = {
        "format": FORMAT,
        "cell": cell_id,
        "backbone": cell.settings.config["backbone"],
        "backbone_fingerprint": cell.backbone_fingerprint,
        "weights_sha256": cell.weights.sha256,
        "adaptation": cell.settings.config["adaptation"],
        "seed": cell.seed,
        "fit": {one.name: getattr(cell.fit, one.name) for one in fields(Forward)},
        "patches": patches,
        "labels": {"0": labels["negative"], "1": labels["positive"]},
        "threshold": metrics["threshold"],
        "prior": metrics["prior"],
        "metrics": metrics["sets"],
        "versions": versions.list_installed(),
        "tensors_sha256": fingerprints.of_file(folder / TENSORS),
    }
    write_json(folder / DESCRIPTION, description | {"checksum": checksum(description)})


def delete_resume_files(folder: Path) -> None:
    """Delete the resume files of a cell. Call only after all results are written: a process killed before resumes from them."""
    for file in (RESUME, BEST):
        remove(folder / file)
    require_held(folder / TRIALS)
    shutil.rmtree(folder / TRIALS, ignore_errors=True)
