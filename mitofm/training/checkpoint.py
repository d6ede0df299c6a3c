"""What lies beside the trained tensors: all that it takes to use them elsewhere, and to refuse what does not fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from mitofm.ground import fingerprints, versions
from mitofm.ground.files import write_json
from mitofm.training.cell import Cell
from mitofm.training.settings import Forward

FORMAT = 2  # 2: how much of a patch is seen, the version of the embeddings
TENSORS, DESCRIPTION = "trained.safetensors", "checkpoint.json"


def describe(cell: Cell, cell_id: str, labels: Mapping[str, Any], metrics: Mapping[str, Any]) -> None:
    """Write `checkpoint.json` beside the tensors of a fitted cell."""
    folder = cell.folder / "checkpoint"
    card = cell.settings.dataset.card
    patches = {"dataset": card.name, "crop_px": card.crop_px, "centre_px": cell.store.crop_px, "mpp": card.mpp}
    description = {
        "format": FORMAT,
        "cell": cell_id,
        "backbone": cell.settings.stated("backbone"),
        "backbone_fingerprint": cell.backbone_fingerprint,
        "weights_sha256": cell.weights.sha256,
        "adaptation": cell.settings.stated("adaptation"),
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
    write_json(folder / DESCRIPTION, description)
