"""Versions of the libraries that compute, and the changes between them that are known to change a trained cell's results.

They are recorded with a cell and with its checkpoint and are no part of a cell's identity.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, Literal

from mitofm.ground.config import list_targets
from mitofm.ground.errors import MitofmError
from mitofm.ground.files import read_json

Versions = dict[str, str]
Way = Literal["check", "ignore"]
"""What a command does if a library here is of a version known to give other numbers: stop, or go on."""
_NAME = re.compile(r"[\w.+!-]{1,60}", re.ASCII)

_DISTRIBUTIONS = (
    "torch", "torchmetrics", "torchvision", "timm", "peft", "pytorch-lightning", "albumentations", "albucore", "numpy",
    "scipy", "scikit-learn", "pillow", "tifffile", "imagecodecs", "openslide-python", "shapely", "safetensors",
    "hydra-core",
)  # fmt: skip
_LIBRARIES = {"opencv": ("cv2", "__version__"), "openslide": ("openslide", "__library_version__")}


@dataclass(frozen=True)
class Change:
    """A version of a library from which on the same config gives other results.

    Attributes:
        library: its name in `list_installed`.
        since: the first version that computes otherwise.
        why: what it does otherwise.
        methods: the methods of peft (`adaptation.method`) whose stored tensors have another meaning since then.
        unless: settings of such a method under which it is not affected.
        transforms: the augmentations that give other pixels since then; they matter in training alone.
    """

    library: str
    since: str
    why: str
    methods: frozenset[str] = frozenset()
    unless: Mapping[str, Any] = field(default_factory=dict)
    transforms: frozenset[str] = frozenset()

    def holds(self, version: str) -> bool:
        """Whether `version` has this change."""
        return _parse(version) >= _parse(self.since)

    def list_affected(self, adaptation: Mapping[str, Any], augment: Mapping[str, Any]) -> str:
        """What it changes of an adaptation's config and of an augmentation's, in words; "" if nothing."""
        spared = self.unless and all(adaptation.get(key) == value for key, value in self.unless.items())
        if str(adaptation.get("method")) in self.methods and not spared:
            return str(adaptation["method"])
        named = {target.rpartition(".")[2] for target in list_targets(augment)}
        return ", ".join(sorted(named & self.transforms))


CHANGES = (
    Change("peft", "0.18", "the last term of the series that makes its rotations counts once, no longer twice",
           methods=frozenset({"oft"}), unless={"use_cayley_neumann": False}),
    Change("peft", "0.19.1", "its fixed projections are drawn otherwise", methods=frozenset({"tinylora"})),
    Change("peft", "0.20", "its fixed parts are drawn otherwise", methods=frozenset({"tinylora", "adamss"})),
    Change("opencv", "5.0", "rotated and warped pixels are up to 6 grey levels off", transforms=frozenset({
        "Affine", "ElasticTransform", "GridDistortion", "GridElasticDeform", "OpticalDistortion", "Perspective",
        "PiecewiseAffine", "Rotate", "SafeRotate", "ShiftScaleRotate", "ThinPlateSpline"})),
)  # fmt: skip
"""All known changes. `docs/reliability.md` says how they were measured."""


def read_cell(environment: Path) -> Versions:
    """The versions that a cell's `environment.json` states; a MitofmError if it is damaged."""
    try:
        return check_versions(read_json(environment)["packages"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MitofmError(f"{environment} is damaged ({type(error).__name__}: {error})") from error


def check_versions(found: Any) -> Versions:
    """`found`, if it is what `list_installed` gives, else a ValueError: it is printed, and may be a stranger's."""
    if not isinstance(found, dict) or not all(_NAME.fullmatch(str(one)) for pair in found.items() for one in pair):
        raise ValueError("versions that are none")
    return {name: str(version) for name, version in found.items()}


@functools.cache
def list_installed() -> Versions:
    """The version of every installed library that computes, by its name on the package index.

    Of OpenCV and OpenSlide it is that of the imported C library: distributions of several names overwrite OpenCV's files.
    """
    found = {}
    for name in _DISTRIBUTIONS:
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    for name, (module, attribute) in _LIBRARIES.items():
        with suppress(ImportError, OSError, AttributeError):
            found[name] = str(getattr(import_module(module), attribute))
    return found


def compare(
    stored: Mapping[str, str] | None, way: Way, what: str, adaptation: Mapping[str, Any], augment: Mapping[str, Any]
) -> tuple[str, ...]:
    """Compare the versions here with those that trained a cell: a line for each that differs.

    Args:
        stored: what `list_installed` gave there, or a part of it; None if nothing states it.
        way: "check" or "ignore".
        what: the name of what was trained, for the message.
        adaptation: config of the adaptation that is used again.
        augment: config of the augmentation if it is trained again, else empty.

    Raises:
        MitofmError: a difference is known to matter, and `way` is "check".
    """
    if not stored:
        return (f"{what} does not state the versions it was trained with",)
    here = list_installed()
    lines = [
        f"{name} {here.get(name, 'is absent')} here, {stored[name]} when it was trained"
        for name in sorted(stored)
        if here.get(name) != stored[name]
    ]
    for change in CHANGES:
        name, affected = change.library, change.list_affected(adaptation, augment)
        if not affected or name not in here:
            continue
        told = f"{affected} is not the same before and since {name} {change.since}: {change.why}"
        if name not in stored:
            lines.append(f"its version of {name} is not stated, and {told}")
        elif change.holds(stored[name]) != change.holds(here[name]):
            if way == "check":
                raise MitofmError(
                    f"{what} was trained with {name} {stored[name]}, and {name} {here[name]} is installed; {told}. "
                    f"Install {name} {stored[name]}, or add versions=ignore to go on with other results"
                )
            lines.append(told)
    return tuple(lines)


def _parse(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version.partition("+")[0]))
