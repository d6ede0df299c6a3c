"""Reads a checkpoint as data and strictly: the message of an error names what does not fit."""

from __future__ import annotations

import mitofm.ground.torchvision_shim  # noqa: F401  before anything imports torchvision

# isort: split

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file
from torch import from_numpy

from mitofm.adaptation.frozen import FrozenAdaptation, Head
from mitofm.adaptation.gradient import Classifier, GradientAdaptation
from mitofm.backbones.build import build
from mitofm.backbones.spec import BackboneSpec
from mitofm.backbones.weights import Weights, find
from mitofm.evaluation.calibration import read_shift
from mitofm.evaluation.threshold import read_logit
from mitofm.ground import below, fingerprints, versions
from mitofm.ground.config import instantiate
from mitofm.ground.errors import MitofmError
from mitofm.ground.files import checksum, read_json
from mitofm.ground.fingerprints import Remembered
from mitofm.ground.settings import read as read_settings
from mitofm.runs import sums
from mitofm.runs.folder import read_bytes
from mitofm.training.checkpoint import DESCRIPTION, FORMAT, TENSORS
from mitofm.training.settings import Forward

_NEEDED = (
    "backbone", "backbone_fingerprint", "weights_sha256", "adaptation", "seed", "fit", "patches", "labels", "threshold",
    "tensors_sha256",
)  # fmt: skip
"""The keys of a `checkpoint.json` of every format that is read."""


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint whose backbone is on this machine.

    Attributes:
        folder: of the checkpoint.
        facts: its `checkpoint.json` (`mitofm.training.checkpoint`).
        spec: the backbone.
        weights: the backbone's, as in training.
        adaptation: that of training.
        state: the tensors that were trained, by name.
        versions: differences between the libraries here and those of training, in lines.
    """

    folder: Path
    facts: dict[str, Any]
    spec: BackboneSpec
    weights: Weights
    adaptation: FrozenAdaptation | GradientAdaptation
    state: dict[str, np.ndarray]
    versions: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name of its cell if it lies in one, else of its folder."""
        folder = self.folder.resolve()
        return folder.parent.name if folder.name == "checkpoint" else folder.name

    @property
    def fit(self) -> Forward:
        """The settings of training that a forward pass needs."""
        return read_settings(Forward, self.facts["fit"], "fit")

    @property
    def centre_px(self) -> int:
        """Side (px) of the centre that it sees of a patch of `crop_px`; smaller under the confounder field_of_view."""
        return self.facts["patches"]["centre_px"]

    def classifier(self) -> Classifier:
        """The trained classifier of a gradient mode; MitofmError if the tensors are not those of this mode on this backbone."""
        assert isinstance(self.adaptation, GradientAdaptation)
        backbone = build(self.adaptation.adapt_spec(self.spec), self.weights, self.facts["seed"])
        classifier = self.adaptation.adapt(backbone, self.facts["seed"])
        self.adaptation.load(classifier, {name: from_numpy(array) for name, array in self.state.items()})
        return classifier.eval()

    def head(self, width: int) -> Head:
        """The fitted head of a frozen mode, for features of this width.

        Raises:
            MitofmError: the arrays are not those of this mode, or of another width.
        """
        assert isinstance(self.adaptation, FrozenAdaptation)
        return self.adaptation.load(self.state, width)


def read(folder: Path, weights: Path, remembered: Remembered, way: versions.Way, file: str | None = None) -> Checkpoint:
    """Read the checkpoint in `folder`.

    Args:
        folder: with `checkpoint.json` and `trained.safetensors`.
        weights: folder of the backbones' weights.
        remembered: fingerprints of files.
        way: "check", or "ignore" to read it even if its tensors mean something else under the versions here.
        file: the backbone's weights, if they are not where its spec says.

    Raises:
        MitofmError: a file is absent or damaged, the backbone's weights here are not those of training, or a library is of
            a version under which the tensors mean something else.
    """
    facts = _read_facts(folder)
    differing = versions.compare(_read_versions(folder, facts), way, str(folder), facts["adaptation"], {})
    spec = BackboneSpec.from_config(facts["backbone"] | ({"file": file} if file else {}))
    try:
        found = find(spec, weights, remembered)
    except MitofmError as error:
        needed = "the weights it was trained on (or give them with weights_file=PATH)"
        raise MitofmError(f"{folder} needs {needed}: {error}") from error
    drawn_from = facts["seed"] if spec.weights == "random" else None
    fingerprint = spec.fingerprint(found.sha256, facts["fit"]["precision"], drawn_from)
    if fingerprint != facts["backbone_fingerprint"]:
        differs = f"fingerprint {facts['backbone_fingerprint'][:12]}, not {fingerprint[:12]}"
        if found.file is not None and found.sha256 == facts["weights_sha256"]:
            raise MitofmError(
                f"{folder} was trained by a mitofm that makes other embeddings from these weights of {spec.name!r}, or from "
                f"another recipe of it ({differs}): use that version, or train it again with this one"
            )
        raise MitofmError(
            f"{folder} was trained on another backbone than the {spec.name!r} here: {differs}; weights of sha256 "
            f"{facts['weights_sha256'][:12]}, not {found.sha256[:12]} ({found.file or 'random'}). Give its own weights "
            "with weights_file=PATH"
        )
    adaptation = instantiate(facts["adaptation"])
    if not isinstance(adaptation, (FrozenAdaptation, GradientAdaptation)):
        raise MitofmError(f"{folder / DESCRIPTION}: {facts['adaptation']['_target_']} is not an adaptation")
    return Checkpoint(folder, facts, spec, found, adaptation, _read_tensors(folder, facts["tensors_sha256"]), differing)


def _read_facts(folder: Path) -> dict[str, Any]:
    path = folder / DESCRIPTION
    if not path.is_file():
        raise MitofmError(
            f"{path} does not exist: give a cell, or a folder with {DESCRIPTION} and {TENSORS} "
            "(cells trained before checkpoints were described have none: train them again)"
        )
    if folder.resolve().name == sums.CHECKPOINT:
        read_bytes(folder.resolve() / DESCRIPTION)  # raises if it is not the one that its cell was finished with
    try:
        facts = read_json(path)
        stated = facts.pop("checksum", None)  # since 0.2
        if stated not in (None, checksum(facts)):
            raise ValueError("a value in it has changed")
        version = facts["format"]
        missing = [key for key in _NEEDED if key not in facts]
        if "fit" in facts:
            read_settings(Forward, facts["fit"], "fit")
        if "versions" in facts:  # format 2 began without
            versions.check_versions(facts["versions"])
        threshold = facts.get("threshold", {"value": 0.5})
        if not (math.isfinite(threshold["value"]) and math.isfinite(read_logit(threshold))):
            raise ValueError("a threshold that is no number")
        if not math.isfinite(read_shift(facts)):
            raise ValueError("a prior that is no number")
    except (OSError, ValueError, KeyError, TypeError, MitofmError) as error:
        raise MitofmError(f"{path} is damaged ({type(error).__name__}: {error})") from error
    if version != FORMAT:
        raise MitofmError(f"{path} is of format {version}, and this mitofm reads format {FORMAT}: train it again")
    missing += [f"patches.{key}" for key in ("crop_px", "centre_px") if key not in facts.get("patches", {})]
    if missing:
        raise MitofmError(f"{path} is damaged: it lacks {', '.join(missing)}")
    return facts


def _read_versions(folder: Path, facts: dict[str, Any]) -> dict[str, str] | None:
    """The versions that a checkpoint states, or if it is older than such statements, its cell; None if neither does."""
    if "versions" in facts:
        return facts["versions"]
    beside = folder.resolve().parent / "environment.json"
    in_cell = folder.resolve().name == "checkpoint" and beside.is_file()
    return versions.read_cell(beside) if in_cell else None


def _read_tensors(folder: Path, sha256: str) -> dict[str, np.ndarray]:
    path = folder / TENSORS
    try:
        found = fingerprints.of_file(below.check(path))
        if found != sha256:
            raise MitofmError(
                f"{path} is not the file that {DESCRIPTION} describes: sha256 {found[:12]}, not {sha256[:12]}. Copy both again"
            )
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise MitofmError(f"{path} cannot be read ({type(error).__name__}: {error})") from error
