"""What lies beside the trained tensors: all that it takes to use them elsewhere, and to refuse what does not fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mitofm.ground import fingerprints, versions
from mitofm.ground.files import write_json
from mitofm.training.cell import Cell

FORMAT = 2  # 2: how much of a patch is seen, the version of the embeddings
TENSORS, DESCRIPTION = "trained.safetensors", "checkpoint.json"
_FIT = ("batch_size", "precision", "test_views")  # what a forward pass takes of the group


def describe(cell: Cell, cell_id: str, labels: Mapping[str, Any], metrics: Mapping[str, Any]) -> None:
    """Write `checkpoint.json` beside the tensors of a fitted cell."""
    folder = cell.folder / "checkpoint"
    data = cell.config["data"]
    patches = {"dataset": data["name"], "crop_px": data["crop_px"], "centre_px": cell.store.crop_px, "mpp": data["mpp"]}
    description = {
        "format": FORMAT,
        "cell": cell_id,
        "backbone": cell.config["backbone"],
        "backbone_fingerprint": cell.backbone_fingerprint,
        "weights_sha256": cell.weights.sha256,
        "adaptation": cell.config["adaptation"],
        "seed": cell.seed,
        "fit": {key: cell.fit[key] for key in _FIT},
        "patches": patches,
        "labels": {"0": labels["negative"], "1": labels["positive"]},
        "threshold": metrics["threshold"],
        "metrics": metrics["sets"],
        "versions": versions.list_installed(),
        "tensors_sha256": fingerprints.of_file(folder / TENSORS),
    }
    write_json(folder / DESCRIPTION, description)
