"""Fingerprints of what the meaning of a command depends on besides its words: the code, the libraries that read configs, YAMLs."""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from importlib import metadata
from itertools import islice
from pathlib import Path

from mitofm.ground import fingerprints, plugins

_PACKAGE = Path(__file__).parents[1]
_LIBRARIES = (
    "hydra-core", "omegaconf", "PyYAML", "antlr4-python3-runtime", "pydantic", "numpy", "pandas", "scipy", "torch", "timm",
    "peft", "albumentations",
)  # fmt: skip
_MOST_FILES = 2000  # a folder of configs with more is none, and reading it would take long
_RESOLVERS = {
    "oc.env",
    "oc.select",
    "oc.decode",
    "oc.create",
    "oc.dict.keys",
    "oc.dict.values",
    "oc.deprecated",
    "times",
}
_CALL = re.compile(r"\$\{\s*([^${}:]*):")
_ENVIRONMENT = re.compile(r"oc\.env:\s*([A-Za-z_]\w*)\s*[,}]")


def of_code() -> str:
    """The content of every file of this package and of plug-ins, and the versions of the libraries that read configs and build models."""
    named = plugins.describe()
    return fingerprints.of([_of_package(), named]) if named else _of_package()


@functools.cache
def _of_package() -> str:
    versions = {"python": platform.python_version()}
    for name in _LIBRARIES:
        with suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    files = {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in _list_files([_PACKAGE], "*.py")}
    return fingerprints.of([versions, files])


def of_configs(folders: Iterable[Path], overrides: Iterable[str]) -> str | None:
    """The content of every YAML in `folders`, and the environment variables that those and the overrides read.

    None if that is not all they depend on: one calls a resolver that may give something else each time, or reads a variable
    whose name is put together; or there are too many YAMLs.
    """
    folders = list(folders)
    texts = {name: file.read_bytes() for name, file in islice(_list_files(folders, "*.yaml"), _MOST_FILES + 1)}
    if len(texts) > _MOST_FILES:
        return None
    names: set[str] = set()
    for text in [*(text.decode("utf-8", errors="replace") for text in texts.values()), *overrides]:
        if "${" not in text:
            continue
        found = _ENVIRONMENT.findall(text)
        known = set(_CALL.findall(text)) <= _RESOLVERS and "${${" not in text
        if not known or len(found) != text.count("oc.env"):
            return None
        names.update(found)
    values = {name: os.environ.get(name) for name in sorted(names)}
    content = {name: hashlib.sha256(text).hexdigest() for name, text in texts.items()}
    return fingerprints.of([values, list(map(str, folders)), content])


def _list_files(folders: Iterable[Path], pattern: str) -> Iterator[tuple[str, Path]]:
    """The files in these folders and below, with a name for each."""
    for number, folder in enumerate(folders):
        for file in folder.rglob(pattern):
            yield f"{number}/{file.relative_to(folder)}", file
