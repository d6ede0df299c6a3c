"""From what Hydra composed to plain data that means one thing: interpolations resolved, per-family values chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from mitofm.ground.errors import MitofmError

DIGITS = 12
"""Significant digits of a number in a config: what a calculation leaves behind them (`range(0.1,0.6,0.1)`) is no setting."""


def resolve(config: DictConfig) -> dict[str, Any]:
    """The config as plain data, with adaptation values that depend on the backbone's family settled.

    Raises:
        MitofmError: a choice is still open (`???`) or an interpolation cannot be resolved.
    """
    resolved = plain(config)
    family = resolved["backbone"].get("family")  # what a backbone lacks is said when its spec is read
    resolved["adaptation"] = {key: _choose_for_family(value, family) for key, value in resolved["adaptation"].items()}
    return resolved


def plain(config: DictConfig) -> dict[str, Any]:
    """A composed config as plain data, its numbers `rounded`.

    Raises:
        MitofmError: a choice is still open (`???`) or an interpolation cannot be resolved.
    """
    try:
        missing = sorted(OmegaConf.missing_keys(config))
        if missing:
            raise MitofmError(f"{missing[0]} is not set: add {missing[0]}=... to the command")
        return rounded(OmegaConf.to_container(config, resolve=True))
    except OmegaConfBaseException as error:
        raise MitofmError(f"the config does not resolve: {error}") from error


def rounded(value: Any) -> Any:
    """`value`, and whatever it holds, with each float rounded to `DIGITS`; types stay, integers stay exact."""
    if isinstance(value, Mapping):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(item) for item in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def _choose_for_family(value: Any, family: str | None) -> Any:
    """`{default, vit_large, ...}` gives the family's value; anything else is itself."""
    if isinstance(value, Mapping) and "default" in value:
        return value.get(family, value["default"])
    return value
