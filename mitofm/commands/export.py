"""`mitofm export CELL_OR_CHECKPOINT format=...`: a trained cell as one network that other software runs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mitofm.commands.asking import ask_about
from mitofm.commands.predict import read_checkpoint
from mitofm.ensembles.members import is_ensemble, list_members
from mitofm.ground.errors import MitofmError
from mitofm.ground.settings import Patches, Positive
from mitofm.ground.terminal import tell
from mitofm.ground.versions import Way
from mitofm.runs.folder import find_cell, read_config
from mitofm.training.settings import Paths

if TYPE_CHECKING:
    from torch import Tensor

    from mitofm.inference.trained import Checkpoint


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
    (given,), settings = ask_about(ExportSettings, "export", arguments, "a cell or a checkpoint's folder")
    from mitofm.ensembles.network import join
    from mitofm.inference import export

    export.check_format(settings.format)
    ensemble = _find_ensemble(given, settings.paths.runs)
    names = [str(ensemble.parent / name) for name in list_members(ensemble)] if ensemble else [given]
    members = [read_checkpoint(name, settings) for name in names]
    for spec in {one.spec.name: one.spec for one in members}.values():
        if warning := export.check_licence(spec, settings.for_own_use):
            tell(warning, file=sys.stderr)
    patches = _read_patches(members[0], settings)
    name = ensemble.name if ensemble else members[0].name
    out = settings.output or settings.paths.runs / "exports" / f"{name}-{settings.format}"
    ready = join(ensemble, members, patches) if ensemble else export.prepare(members[0], patches)
    made = export.export(ready, settings.format, out, settings.tolerance)
    kept = "nothing of the adaptation left beside it" if made.folded else "its adaptation cannot be folded in: as it is"
    tell(f"one network, {kept}")
    tell(
        f"largest difference of logits to the checkpoint on {settings.patches} patches: {made.difference:.2g} "
        f"(tolerance {settings.tolerance:.2g})"
    )
    tell(made.folder)


def _find_ensemble(given: str, runs: Path) -> Path | None:
    """The folder of the ensemble that is meant; None if a cell or a checkpoint of its own is."""
    if (Path(given) / "checkpoint.json").is_file():
        return None
    folder = find_cell(runs, given)
    return folder if is_ensemble(folder) else None


def _read_patches(trained: Checkpoint, settings: ExportSettings) -> Tensor:
    """Evenly spaced patches of the data set as the checkpoint sees them: uint8 (patches, H, W, 3)."""
    import numpy as np
    import torch

    from mitofm.data.augment import cut_centre
    from mitofm.data.dataset import Dataset
    from mitofm.inference.predict import cut_as_trained, narrow_store

    data = settings.data
    if data is None:
        if not (trained.folder.parent / "config.yaml").is_file():
            raise MitofmError(f"{trained.folder} lies in no cell: give data=NAME, to compare on its patches")
        data = read_config(trained.folder.parent)["data"]
    store = narrow_store(trained, Dataset(cut_as_trained(data, trained), settings.paths.cache))
    rows = np.linspace(0, len(store.table) - 1, settings.patches).round().astype(int)
    return torch.from_numpy(np.ascontiguousarray(cut_centre(store.read(rows), store.crop_px)))
