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
from pathlib import Path

from mitofm.ground import fingerprints

_PACKAGE = Path(__file__).parents[1]
_LIBRARIES = (
    "hydra-core", "omegaconf", "PyYAML", "antlr4-python3-runtime", "pydantic", "numpy", "pandas", "scipy", "torch", "timm",
    "peft", "albumentations",
)  # fmt: skip
_ENVIRONMENT = re.compile(r"oc\.env:\s*([A-Za-z_]\w*)\s*[,}]")


@functools.cache
def of_code() -> str:
    """The content of every file of this package, and the versions of the libraries that configs are read and models built with."""
    versions = {"python": platform.python_version()}
    for name in _LIBRARIES:
        with suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return fingerprints.of([versions, _hash_files([_PACKAGE], "*.py")])


def of_configs(folders: Iterable[Path], overrides: Iterable[str]) -> str | None:
    """The content of every YAML in `folders`, and the environment variables that those and the overrides read.

    None if it is not known which variables are read, or a YAML calls for more than OmegaConf's own resolvers give.
    """
    folders = list(folders)
    names: set[str] = set()
    for text in [*(file.read_text(encoding="utf-8", errors="replace") for _, file in _list_files(folders)), *overrides]:
        found = _ENVIRONMENT.findall(text)
        if len(found) != text.count("oc.env"):
            return None
        names.update(found)
    values = {name: os.environ.get(name) for name in sorted(names)}
    return fingerprints.of([values, list(map(str, folders)), _hash_files(folders, "*.yaml")])


def _hash_files(folders: Iterable[Path], pattern: str = "*.yaml") -> str:
    content = hashlib.sha256()
    for name, file in _list_files(folders, pattern):
        data = file.read_bytes()
        content.update(f"{name} {len(data)}\n".encode())
        content.update(data)
    return content.hexdigest()


def _list_files(folders: Iterable[Path], pattern: str = "*.yaml") -> Iterator[tuple[str, Path]]:
    for number, folder in enumerate(folders):
        for file in sorted(folder.rglob(pattern)):
            yield f"{number}/{file.relative_to(folder)}", file
