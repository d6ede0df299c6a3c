"""Composes configs by Hydra's own rules, each YAML parsed once: Hydra parses all of them again for every config.

Nothing is registered with Hydra, and nothing of it is replaced: its functions are called with a repository of YAMLs that
remembers them. Hydra's own part of a config, half of the work, is left out.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import CachingConfigRepository
from hydra._internal.defaults_list import create_defaults_list
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.default_element import ResultDefault
from hydra.core.override_parser.types import Override
from hydra.plugins.config_source import ConfigResult
from omegaconf import DictConfig, OmegaConf, open_dict

_HYDRA = "hydra"


class Declined(Exception):
    """A config that Hydra itself has to compose."""


class _Repository(CachingConfigRepository):
    """The YAMLs of a search path: each is read once, and each name looked for once."""

    def __init__(self, loader: ConfigLoaderImpl) -> None:
        super().__init__(loader.repository)
        self._groups: dict[str, bool] = {}
        self._configs: dict[str, bool] = {}

    def group_exists(self, config_path: str) -> bool:
        """Whether there is such a group."""
        return _ask(self._groups, config_path, super().group_exists)

    def config_exists(self, config_path: str) -> bool:
        """Whether there is such a YAML."""
        return _ask(self._configs, config_path, super().config_exists)


class _Copies(CachingConfigRepository):
    """Copies of the configs of another repository, for merging, which changes what it is given."""

    def __init__(self, repository: _Repository) -> None:
        self.delegate = repository

    def load_config(self, config_path: str) -> ConfigResult | None:
        """A copy of the YAML."""
        found = copy.copy(self.delegate.load_config(config_path))
        if found is not None:
            found.config = copy.deepcopy(found.config)
        return found


class Loader:
    """Composes the primary config `name` from the YAMLs of a search path, as they are when each is first read.

    Raises:
        Declined: the primary config changes the search path.
    """

    def __init__(self, name: str, search_path: ConfigSearchPath) -> None:
        self._name = name
        self._loader = ConfigLoaderImpl(search_path)
        self._repository = _Repository(self._loader)
        self._copies = _Copies(self._repository)
        primary = self._repository.load_config(name)
        if primary is None or OmegaConf.select(primary.config, "hydra.searchpath") is not None:
            raise Declined(name)

    def is_group(self, key: str) -> bool:
        """Whether Hydra takes an override of `key` for the choice of a YAML."""
        return self._repository.group_exists(key)

    def compose(self, overrides: Sequence[Override]) -> DictConfig:
        """The config with these overrides, without Hydra's own part; errors are Hydra's and OmegaConf's."""
        chosen = create_defaults_list(
            repo=self._repository,
            config_name=self._name,
            overrides_list=list(overrides),
            prepend_hydra=True,
            skip_missing=False,
        )
        parts = [one for one in chosen.defaults if not _is_hydras(one)]
        config = self._loader._compose_config_from_defaults_list(parts, self._copies)
        OmegaConf.set_struct(config, True)
        with open_dict(config):
            config.pop(_HYDRA, None)
        typed = [one for one in chosen.config_overrides if not one.is_hydra_override()]
        ConfigLoaderImpl._apply_overrides_to_config(typed, config)
        return config


def _ask(known: dict[str, bool], key: str, look: Callable[[str], bool]) -> bool:
    if key not in known:
        known[key] = look(key)
    return known[key]


def _is_hydras(part: ResultDefault) -> bool:
    """Whether a YAML is merged into Hydra's own part alone."""
    return (part.package or "").split(".")[0] == _HYDRA
