"""Where the configs are, and how a `_target_` in one becomes an object.

Configs may come from strangers (a bundle, a colleague's cell), so a `_target_` resolves only to a class of the rooms that
configs describe or a transform of albumentations. Hydra's own block-list lets `pandas.read_pickle` and `joblib.load`
through, and a class of another room may write files as soon as it is built.
"""

from __future__ import annotations

import importlib
import inspect
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mitofm.ground.errors import MitofmError

_PACKAGE = Path(__file__).parents[1]
_ROOMS = ("mitofm.adaptation.", "mitofm.data.")


def conf_dir() -> Path:
    """The folder of the shipped Hydra groups: inside the package when installed from a wheel, beside it in a checkout."""
    return _shipped("conf")


def experiments_dir() -> Path:
    """The folder of the shipped studies."""
    return _shipped("experiments")


def _shipped(name: str) -> Path:
    inside = _PACKAGE / name
    return inside if inside.is_dir() else _PACKAGE.parent / name


def allowed(target: str) -> tuple[str, str]:
    """The module and the class that `target` names. Imports nothing.

    Raises:
        MitofmError: nothing there may be built.
    """
    module_name, _, class_name = str(target).rpartition(".")
    if not (module_name == "albumentations" or module_name.startswith(_ROOMS)):
        raise MitofmError(
            f"_target_ {target!r} is not allowed: only classes of mitofm.adaptation and mitofm.data and transforms of "
            "albumentations are"
        )
    return module_name, class_name


def locate(target: str) -> type:
    """The class that `target` names.

    Raises:
        MitofmError: it is not a class of these rooms or a transform of albumentations, or does not exist.
    """
    module_name, class_name = allowed(target)
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it would ask the network for its newest version
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError) as error:
        raise MitofmError(f"_target_ {target!r} does not exist ({error})") from error
    if not inspect.isclass(found):
        raise MitofmError(f"_target_ {target!r} is not a class")
    if module_name == "albumentations":
        import albumentations

        if not issubclass(found, (albumentations.BasicTransform, albumentations.BaseCompose)):
            raise MitofmError(f"_target_ {target!r} is not a transform")
    elif not found.__module__.startswith(_ROOMS):
        raise MitofmError(f"_target_ {target!r} is a class of {found.__module__}, which no config may build")
    return found


def instantiate(config: Mapping[str, Any], **more: Any) -> Any:
    """Build the object of the class `_target_`; the other keys are its arguments, `more` are those that no YAML can hold.

    Nested mappings with a `_target_` are built first.

    Raises:
        MitofmError: the target is not allowed, or its class does not take these arguments.
    """
    if "_target_" not in config:
        raise MitofmError(f"this config names no _target_: {dict(config)}")
    target = locate(config["_target_"])
    arguments = {key: _build(value) for key, value in config.items() if key != "_target_"} | more
    try:
        inspect.signature(target).bind(**arguments)
    except TypeError as error:
        known = ", ".join(inspect.signature(target).parameters)
        raise MitofmError(f"{config['_target_']}: {error}. It takes: {known}") from error
    return target(**arguments)


def _build(value: Any) -> Any:
    if isinstance(value, Mapping):
        return instantiate(value) if "_target_" in value else {key: _build(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_build(item) for item in value]
    return value


def targets(config: Any) -> Iterator[str]:
    """Every `_target_` in `config`, however deep."""
    if isinstance(config, Mapping):
        for key, value in config.items():
            yield from [value] if key == "_target_" else targets(value)
    elif isinstance(config, (list, tuple)):
        for value in config:
            yield from targets(value)
