"""An ensemble as what scores new data: its members' checkpoints, each with what it adds."""

from __future__ import annotations

import mitofm.ground.torchvision_shim  # noqa: F401  before anything imports torchvision

# isort: split

from collections.abc import Sequence
from pathlib import Path

from mitofm.ensembles.combining import Part
from mitofm.ground import fingerprints
from mitofm.ground.errors import MitofmError
from mitofm.inference.model import Model
from mitofm.inference.trained import Checkpoint
from mitofm.runs.folder import read_stored
from mitofm.runs.said import read_metrics

_SEEN = ("crop_px", "centre_px", "mpp")
"""What members must have in common of the patches that they were trained on."""


def gather(folder: Path, members: Sequence[Checkpoint]) -> Model:
    """The ensemble in `folder`, of the checkpoints of `find_members`.

    Raises:
        MitofmError: members see other patches, or `metrics.json` does not say what each adds.
    """
    metrics = read_metrics(folder / "metrics.json")
    try:
        chosen = metrics["chosen"]
        parts = [Part(**chosen["members"][one.name]) for one in members]
        told = {"threshold": metrics["threshold"], "prior": metrics["prior"], "calibrated": chosen["calibrated"]}
    except (KeyError, TypeError) as error:
        raise MitofmError(
            f"{folder / 'metrics.json'} does not say what each member adds ({type(error).__name__}: {error}): make it again "
            "with `mitofm ensemble`"
        ) from error
    first = members[0]
    for one in members[1:]:
        own, others = ([each.facts["patches"][key] for key in _SEEN] for each in (first, one))
        if own != others:
            raise MitofmError(
                f"{first.name} and {one.name} were trained on other patches ({', '.join(_SEEN)}: {own}, {others}): take "
                "each by itself, and average as metrics.json says"
            )
    scale = tuple(part.weight * part.slope for part in parts)
    shift = sum(part.weight * part.intercept for part in parts)
    facts = told | {
        "cell": read_stored(folder / "cell.json")["id"],
        "patches": first.facts["patches"],
        "labels": first.facts["labels"],
        "tensors_sha256": fingerprints.of([[one.facts["tensors_sha256"] for one in members], scale, shift]),
    }
    return Model(folder.name, facts, tuple(members), scale, shift)
