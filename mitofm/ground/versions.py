"""Versions of the libraries that compute, and the changes between them that are known to change a trained cell's results.

They are recorded with a cell and with its checkpoint and are no part of a cell's identity.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
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
        since: the first version that computes otherwise than all before.
        why: what it does otherwise.
        methods: the methods of peft (`adaptation.method`) whose stored tensors mean another map since.
        unless: the settings of such a method that are not affected.
        transforms: the augmentations that give other pixels since: training alone differs.
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

    def concerns(self, config: Mapping[str, Any]) -> str:
        """What in a cell's config it changes; "" if nothing."""
        adaptation = config["adaptation"]
        spared = self.unless and all(adaptation.get(key) == value for key, value in self.unless.items())
        if str(adaptation.get("method")) in self.methods and not spared:
            return str(adaptation["method"])
        named = {target.rpartition(".")[2] for target in list_targets(config.get("augment") or {})}
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
"""All that are known; a new one is an entry. `docs/reliability.md` says how they were measured."""


def read_cell(environment: Path) -> Versions:
    """The versions that a cell's `environment.json` states; a MitofmError if it is damaged."""
    try:
        return check_versions(read_json(environment)["packages"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MitofmError(f"{environment} is damaged ({type(error).__name__}: {error})") from error


def check_versions(found: Any) -> Versions:
    """`found`, if it is what `list_installed` gives, else a ValueError: it may come from a stranger, and is printed."""
    if not isinstance(found, dict) or not all(_NAME.fullmatch(str(one)) for pair in found.items() for one in pair):
        raise ValueError("versions that are none")
    return {name: str(version) for name, version in found.items()}


@functools.cache
def list_installed() -> Versions:
    """The version of every library here that computes, by its name on the package index; of OpenCV and OpenSlide the C library's.

    OpenCV comes in distributions of several names, which overwrite one another's files: the imported one counts.
    """
    found = {}
    for name in _DISTRIBUTIONS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    for name, (module, attribute) in _LIBRARIES.items():
        try:
            found[name] = str(getattr(import_module(module), attribute))
        except (ImportError, OSError, AttributeError):
            continue
    return found


def compare(stored: Mapping[str, str] | None, config: Mapping[str, Any], way: Way, what: str) -> tuple[str, ...]:
    """Compare the versions here with those that trained a cell: a line for each that differs.

    Args:
        stored: what `list_installed` gave there, or a part of it; None if nothing states it.
        config: the groups of the cell's config that are used again: `adaptation`, and `augment` if it is trained again.
        way: "check" or "ignore".
        what: was trained, for the message.

    Raises:
        MitofmError: a difference is known to matter, and is not to be ignored.
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
        name, concerned = change.library, change.concerns(config)
        if not concerned or name not in here:
            continue
        told = f"{concerned} is not the same before and since {name} {change.since}: {change.why}"
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
