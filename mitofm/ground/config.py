"""Finds the configs, and builds the object of a `_target_`.

Configs may come from strangers (a bundle, a colleague's cell), so a `_target_` may only be a class of the rooms that configs
describe, one that a plug-in of the user's has derived from these (`mitofm.ground.plugins`), or a transform of albumentations.
Hydra's own block-list allows `pandas.read_pickle` and `joblib.load`, and a class of another room may write files when it is
built.
"""

from __future__ import annotations

import importlib
import inspect
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mitofm.ground import plugins
from mitofm.ground.errors import MitofmError
from mitofm.ground.settings import check_arguments, spell

_PACKAGE = Path(__file__).parents[1]
_ROOMS = ("mitofm.adaptation.", "mitofm.data.")


def conf_dir() -> Path:
    """The folder of the shipped Hydra groups: inside the package when installed from a wheel, beside it in a checkout."""
    return _find_shipped("conf")


def experiments_dir() -> Path:
    """The folder of the shipped studies."""
    return _find_shipped("experiments")


def find_user_configs() -> list[Path]:
    """The user's own config folder, from MITOFM_CONF; empty if that is not set. MitofmError if there is no such folder."""
    given = os.environ.get("MITOFM_CONF")
    if not given:
        return []
    folder = Path(given).resolve()
    if not folder.is_dir():
        raise MitofmError(
            f"MITOFM_CONF={given}: there is no such folder. Make it, with groups like backbone/ in it, or unset it"
        )
    return [folder]


def list_config_folders() -> list[Path]:
    """The folders of Hydra groups: those of plug-ins, the shipped one, the user's own. A later one's YAML replaces an earlier one's."""
    return [*plugins.list_configs(), conf_dir(), *find_user_configs()]


def _find_shipped(name: str) -> Path:
    inside = _PACKAGE / name
    return inside if inside.is_dir() else _PACKAGE.parent / name


def check_target(target: str) -> tuple[str, str]:
    """The module and the class that `target` names; MitofmError if it is not allowed. Imports nothing."""
    module_name, _, class_name = str(target).rpartition(".")
    if not (module_name == "albumentations" or module_name.startswith(_ROOMS) or plugins.find_owner(module_name)):
        raise MitofmError(
            f"_target_ {target!r} is not allowed: only classes of mitofm.adaptation and mitofm.data, transforms of "
            f"albumentations, and what a package that you trust and name in {plugins.VARIABLE} derives from them are"
        )
    return module_name, class_name


def locate(target: str) -> type:
    """Import the class that `target` names; MitofmError if it is not allowed or does not exist."""
    module_name, class_name = check_target(target)
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
    elif owner := plugins.find_owner(module_name):
        if plugins.find_owner(found.__module__) != owner or not _is_derived(found):
            raise MitofmError(
                f"_target_ {target!r} is not allowed: of a plug-in only classes that it derives itself from an adaptation, a split, "
                "a source or a confounder of mitofm are"
            )
    elif not found.__module__.startswith(_ROOMS):
        raise MitofmError(f"_target_ {target!r} is a class of {found.__module__}, which no config may build")
    return found


def _is_derived(found: type) -> bool:
    """Whether a class is one of the rooms that configs describe, or derived from one."""
    return any(one.__module__.startswith(_ROOMS) for one in found.__mro__)


def instantiate(config: Any, place: str = "", /, **more: Any) -> Any:
    """Build the object that `config` describes: `_target_` is its class, the other keys its arguments.

    Nested mappings with a `_target_` are built first. Plain arguments of our own classes are checked against their annotations.
    `place` is the key of `config`, for messages ("split"); `more` are arguments that no YAML can hold.

    Raises:
        MitofmError: the target is not allowed, or its class does not take these arguments.
    """
    if not isinstance(config, Mapping) or "_target_" not in config:
        raise MitofmError(f"{place or 'this config'} names no _target_: {spell(config)}")
    target = locate(config["_target_"])
    given = {key: value for key, value in config.items() if key != "_target_"}
    arguments = {key: _build(value, f"{place}.{key}") for key, value in given.items()} | more
    try:
        inspect.signature(target).bind(**arguments)
    except TypeError as error:
        known = ", ".join(inspect.signature(target).parameters)
        raise MitofmError(f"{config['_target_']}: {error}. It takes: {known}") from error
    if _is_derived(target):
        check_arguments(target, {key: value for key, value in given.items() if not any(list_targets(value))}, place)
    try:
        return target(**arguments)
    except (
        ValueError,
        TypeError,
    ) as error:  # a key that is passed on and unknown there; albumentations checks with pydantic
        told = " ".join(str(error).split())
        if isinstance(error, ValidationError):
            told = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        refused = f"{config['_target_']} refuses {spell(given)}"
        raise MitofmError(f"{place or config['_target_']}: {refused}: {told}") from error


def _build(value: Any, place: str) -> Any:
    if isinstance(value, Mapping):
        if "_target_" in value:
            return instantiate(value, place)
        return {key: _build(item, f"{place}.{key}") for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_build(item, f"{place}[{number}]") for number, item in enumerate(value)]
    return value


def list_targets(config: Any) -> Iterator[str]:
    """Every `_target_` in `config`, at any depth."""
    if isinstance(config, Mapping):
        for key, value in config.items():
            yield from [value] if key == "_target_" else list_targets(value)
    elif isinstance(config, (list, tuple)):
        for value in config:
            yield from list_targets(value)
