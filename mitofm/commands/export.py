"""`mitofm export CELL_OR_CHECKPOINT format=...`: a trained cell as one network that other software runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mitofm.commands.composing import compose, words
from mitofm.commands.predict import checkpoint_folder
from mitofm.ground.config import allowed, targets
from mitofm.ground.errors import MitofmError, unknown
from mitofm.ground.versions import check_way
from mitofm.runs.folder import stored_config
from mitofm.runs.resolve import plain

if TYPE_CHECKING:
    from torch import Tensor

    from mitofm.inference.trained import Trained


def main(arguments: list[str]) -> None:
    """Write the network, compare its outputs, and print where it is and how far they lie apart."""
    (given,), overrides = words(arguments, "a cell or a checkpoint's folder")
    config = plain(compose("export", overrides))
    check_way(config["versions"])
    paths = {name: Path(path) for name, path in config["paths"].items()}
    folder = checkpoint_folder(paths["runs"], given)

    from mitofm.ground.fingerprints import Remembered
    from mitofm.inference import export
    from mitofm.inference.trained import read

    if config["format"] not in export.FORMATS:
        raise unknown("format", config["format"], export.FORMATS)
    if config["patches"] < 3:
        raise MitofmError(f"patches={config['patches']}: give at least 3 to compare on")
    export.check_format(config["format"])
    remembered = Remembered(paths["cache"] / "fingerprints")
    trained = read(folder, paths["weights"], remembered, config["versions"], config["weights_file"])
    for line in trained.versions:
        print(line)
    if warning := export.check_licence(trained.spec, config["for_own_use"]):
        print(warning, file=sys.stderr)
    patches = _patches(trained, config, paths["cache"])
    out = Path(config["output"] or paths["runs"] / "exports" / f"{trained.name}-{config['format']}")
    made = export.export(trained, config["format"], patches, out, config["tolerance"])
    state = (
        "nothing of the adaptation left beside it" if made.folded else "its adaptation cannot be folded in: as it is"
    )
    print(f"one network, {state}")
    print(
        f"largest difference of logits to the checkpoint on {config['patches']} patches: {made.difference:.2g} "
        f"(tolerance {config['tolerance']:.2g})"
    )
    print(made.folder)


def _patches(trained: Trained, config: dict[str, Any], cache: Path) -> Tensor:
    """Patches all over the data set, as the checkpoint sees them: uint8 (patches, H, W, 3)."""
    import numpy as np
    import torch

    from mitofm.data.augment import cut_centre
    from mitofm.data.dataset import Dataset
    from mitofm.inference.predict import as_trained, seen_by

    data = config.get("data")
    if data is None:
        if not (trained.folder.parent / "config.yaml").is_file():
            raise MitofmError(f"{trained.folder} lies in no cell: give data=NAME, to compare on its patches")
        data = stored_config(trained.folder.parent)["data"]
    for target in targets(data):  # of the command line's; a stored one has been looked at
        allowed(target)
    store = seen_by(trained, Dataset(as_trained(data, trained), cache))
    rows = np.linspace(0, len(store.table) - 1, config["patches"]).round().astype(int)
    return torch.from_numpy(np.ascontiguousarray(cut_centre(store.read(rows), store.crop_px)))
