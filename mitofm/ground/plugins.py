"""Packages of the user's own whose classes configs may name: `MITOFM_PLUGINS=package`, several with commas between.

Nothing is imported here. A package that is not in the variable stays out of reach of any config, whoever wrote it.
"""

from __future__ import annotations

import functools
import hashlib
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mitofm.ground import fingerprints
from mitofm.ground.errors import MitofmError

VARIABLE = "MITOFM_PLUGINS"
CONFIGS = "conf"
"""The folder of a plug-in with YAMLs of Hydra's groups. They come after the shipped ones, which they cannot replace."""


def list_plugins() -> tuple[str, ...]:
    """The packages in the variable; MitofmError if one is no name of a package, or is not installed."""
    return _read(os.environ.get(VARIABLE, ""), tuple(sys.path))


def find_owner(module: str) -> str | None:
    """The plug-in that a module belongs to."""
    return next((one for one in list_plugins() if module == one or module.startswith(f"{one}.")), None)


def list_configs() -> list[Path]:
    """The folders of YAMLs of all plug-ins that have one."""
    folders = [_find(one) for one in list_plugins()]
    return [folder / CONFIGS for folder in folders if folder.is_dir() and (folder / CONFIGS).is_dir()]


def describe() -> dict[str, dict[str, str]]:
    """Of each plug-in its version, if it has one, and the sha256 of its code."""
    described = {}
    for name in list_plugins():
        described[name] = {"sha256": fingerprint(name)}
        with suppress(metadata.PackageNotFoundError):
            described[name]["version"] = metadata.version(name)
    return described


def fingerprint_used(targets: Iterable[str]) -> dict[str, str]:
    """The plug-ins that these targets are classes of, each with the fingerprint of its code; empty if there is none."""
    owners = {find_owner(target.rpartition(".")[0]) for target in targets}
    return {owner: fingerprint(owner) for owner in sorted(one for one in owners if one is not None)}


def fingerprint(name: str) -> str:
    """sha256 (hex) of the Python files of a plug-in: with other code a cell may have another result, and is another cell."""
    place = _find(name)
    files = sorted(place.rglob("*.py")) if place.is_dir() else [place]
    return _hash(str(place), tuple((str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files))


@functools.lru_cache(maxsize=64)
def _hash(place: str, files: tuple[tuple[str, int, int], ...]) -> str:
    return fingerprints.of(
        {str(Path(file).relative_to(Path(place).parent)): _hash_file(Path(file)) for file, *_ in files}
    )


def _hash_file(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


@functools.lru_cache(maxsize=8)
def _read(given: str, path: tuple[str, ...]) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(one.strip() for one in given.split(",") if one.strip()))
    for name in names:
        if not name.isidentifier() or name == "mitofm":
            raise MitofmError(
                f"{VARIABLE}={given}: {name!r} is no name of a package: give names like my_package, with commas between"
            )
        _find(name)
    return names


def _find(name: str) -> Path:
    """The folder of a package, or the file of a module, without importing it."""
    try:
        spec: Any = find_spec(name)
    except ValueError:  # a module without a specification, such as __main__
        spec = None
    places = list(spec.submodule_search_locations or ()) if spec else []
    if places:
        return Path(places[0])
    if spec is None or not spec.has_location or not str(spec.origin).endswith(".py"):
        raise MitofmError(
            f"{VARIABLE}={name}: there is no such package here: pip install it, or put the folder that it lies in on PYTHONPATH"
        )
    return Path(spec.origin)
