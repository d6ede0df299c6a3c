"""`mitofm export CELL_OR_CHECKPOINT format=...`: a trained cell as one network that other software runs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mitofm.commands.composing.asking import ask_about
from mitofm.commands.predict import read_model
from mitofm.ground.errors import MitofmError
from mitofm.ground.settings import Patches, Positive
from mitofm.ground.terminal import tell
from mitofm.ground.versions import Way
from mitofm.runs.folder import read_config
from mitofm.training.settings import Paths

if TYPE_CHECKING:
    from torch import Tensor

    from mitofm.inference.model import Model


@dataclass(frozen=True, kw_only=True)
class ExportSettings:
    """`conf/export.yaml`, which has no data set unless one is typed."""

    data: Mapping[str, Any] | None = None
    paths: Paths
    format: Literal["safetensors", "torchscript", "onnx"]
    output: Path | None
    patches: Patches
    tolerance: Positive
    for_own_use: bool
    versions: Way
    weights_file: str | None


def main(arguments: list[str]) -> None:
    """Write the network, compare its outputs, and print where it is and how far they lie apart."""
    (given,), settings = ask_about(ExportSettings, "export", arguments, "a cell, an ensemble or a checkpoint's folder")
    from mitofm.ensembles.network import join
    from mitofm.inference import export

    export.check_format(settings.format)
    model = read_model(given, settings)
    for spec in {one.spec.name: one.spec for one in model.members}.values():
        if warning := export.check_licence(spec, settings.for_own_use):
            tell(warning, file=sys.stderr)
    patches = _read_patches(model, settings)
    out = settings.output or settings.paths.runs / "exports" / f"{model.name}-{settings.format}"
    ready = join(model, patches) if len(model.members) > 1 else export.prepare(model.members[0], patches)
    made = export.export(ready, settings.format, out, settings.tolerance)
    kept = "nothing of the adaptation left beside it" if made.folded else "its adaptation cannot be folded in: as it is"
    tell(f"one network, {kept}")
    tell(
        f"largest difference of logits to the checkpoint on {settings.patches} patches: {made.difference:.2g} "
        f"(tolerance {settings.tolerance:.2g})"
    )
    tell(made.folder)


def _read_patches(model: Model, settings: ExportSettings) -> Tensor:
    """Evenly spaced patches of the data set as the model sees them: uint8 (patches, H, W, 3)."""
    import numpy as np
    import torch

    from mitofm.data.augment import cut_centre
    from mitofm.data.dataset import Dataset
    from mitofm.inference.predict import cut_as_trained, narrow_store

    data = settings.data
    if data is None:
        folder = model.members[0].folder
        if not (folder.parent / "config.yaml").is_file():
            raise MitofmError(f"{folder} lies in no cell: give data=NAME, to compare on its patches")
        data = read_config(folder.parent)["data"]
    store = narrow_store(model, Dataset(cut_as_trained(data, model), settings.paths.cache))
    rows = np.linspace(0, len(store.table) - 1, settings.patches).round().astype(int)
    return torch.from_numpy(np.ascontiguousarray(cut_centre(store.read(rows), store.crop_px)))
