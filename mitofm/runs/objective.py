"""What a search over settings is given of a cell: its AUROC on the validation samples, and never one on test samples."""

from __future__ import annotations

from pathlib import Path

from mitofm.ground.errors import MitofmError
from mitofm.runs.folder import read_stored

KEY = "validation"
"""The part of `metrics.json` that a search reads."""


def read_objective(folder: Path) -> float:
    """The validation AUROC of the finished cell in `folder`.

    Raises:
        DamagedCell: its metrics are damaged.
        MitofmError: it has none that may be chosen by.
    """
    found = read_stored(folder / "metrics.json").get(KEY)
    if not isinstance(found, dict):
        raise MitofmError(
            f"{folder.name} was finished by a mitofm that kept no validation AUROC: `rm -r {folder}`, and search again"
        )
    if not found["decides"] or found["auroc"] is None:
        raise MitofmError(
            f"{folder.name} has {found['samples']} validation samples, too few to choose on (protocol.validation_samples)"
        )
    return float(found["auroc"])
