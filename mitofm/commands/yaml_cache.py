"""Lets Hydra read a YAML file once per process: composing reads the same thirty files for every cell, a third of its time."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra._internal.core_plugins.importlib_resources_config_source import ImportlibResourcesConfigSource
from hydra._internal.sources_registry import SourcesRegistry
from hydra.plugins.config_source import ConfigResult

_read: dict[tuple, bytes] = {}  # pickled, as Hydra changes what it is given


class CachedFiles(FileConfigSource):
    """A folder of YAML files; one that has changed is read again."""

    def load_config(self, config_path: str) -> ConfigResult:
        """Read a YAML file, as Hydra does."""
        file = Path(self.path, self._normalize_file_name(config_path))
        if not file.is_file():
            return super().load_config(config_path)  # which raises
        state = file.stat()
        return _load((self.provider, file, state.st_mtime_ns, state.st_size), super().load_config, config_path)


class CachedPackage(ImportlibResourcesConfigSource):
    """The YAML files of an installed package, Hydra's own."""

    def load_config(self, config_path: str) -> ConfigResult:
        """Read a YAML file, as Hydra does."""
        return _load((self.provider, self.path, config_path), super().load_config, config_path)


def _load(key: tuple, load: Callable[[str], ConfigResult], config_path: str) -> ConfigResult:
    if key not in _read:
        _read[key] = pickle.dumps(load(config_path))
    return pickle.loads(_read[key])  # noqa: S301  our own, of this process


def cache_yaml_files() -> None:
    """Let Hydra take its files from here."""
    for source in (CachedFiles, CachedPackage):
        SourcesRegistry.instance().types[source.scheme()] = source
