"""`mitofm export CELL_OR_CHECKPOINT format=...`: a trained cell as one network that other software runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mitofm.commands.composing import words
from mitofm.commands.predict import checkpoint_folder
from mitofm.commands.primary import Export, ask
from mitofm.ground.errors import MitofmError
from mitofm.runs.folder import stored_config

if TYPE_CHECKING:
    from torch import Tensor

    from mitofm.inference.trained import Trained


def main(arguments: list[str]) -> None:
    """Write the network, compare its outputs, and print where it is and how far they lie apart."""
    (given,), overrides = words(arguments, "a cell or a checkpoint's folder")
    asked = ask(Export, overrides)
    paths = asked.paths
    folder = checkpoint_folder(paths.runs, given)

    from mitofm.ground.fingerprints import Remembered
    from mitofm.inference import export
    from mitofm.inference.trained import read

    export.check_format(asked.format)
    remembered = Remembered(paths.cache / "fingerprints")
    trained = read(folder, paths.weights, remembered, asked.versions, asked.weights_file)
    for line in trained.versions:
        print(line)
    if warning := export.check_licence(trained.spec, asked.for_own_use):
        print(warning, file=sys.stderr)
    patches = _patches(trained, asked)
    out = Path(asked.output or paths.runs / "exports" / f"{trained.name}-{asked.format}")
    made = export.export(trained, asked.format, patches, out, asked.tolerance)
    state = (
        "nothing of the adaptation left beside it" if made.folded else "its adaptation cannot be folded in: as it is"
    )
    print(f"one network, {state}")
    print(
        f"largest difference of logits to the checkpoint on {asked.patches} patches: {made.difference:.2g} "
        f"(tolerance {asked.tolerance:.2g})"
    )
    print(made.folder)


def _patches(trained: Trained, asked: Export) -> Tensor:
    """Patches all over the data set, as the checkpoint sees them: uint8 (patches, H, W, 3)."""
    import numpy as np
    import torch

    from mitofm.data.augment import cut_centre
    from mitofm.data.dataset import Dataset
    from mitofm.inference.predict import as_trained, seen_by

    data = asked.data
    if data is None:
        if not (trained.folder.parent / "config.yaml").is_file():
            raise MitofmError(f"{trained.folder} lies in no cell: give data=NAME, to compare on its patches")
        data = stored_config(trained.folder.parent)["data"]
    store = seen_by(trained, Dataset(as_trained(data, trained), asked.paths.cache))
    rows = np.linspace(0, len(store.table) - 1, asked.patches).round().astype(int)
    return torch.from_numpy(np.ascontiguousarray(cut_centre(store.read(rows), store.crop_px)))
