"""Makes plain data of a composed config: interpolations are resolved, and values chosen by the backbone's family."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from mitofm.ground.errors import MitofmError

DIGITS = 12
"""Significant digits of a number in a config: further ones come from arithmetic (`range(0.1,0.6,0.1)`)."""


def resolve(config: DictConfig) -> dict[str, Any]:
    """The config as plain data, each adaptation value that depends on the backbone's family chosen; errors as `plain`."""
    resolved = plain(config)
    family = resolved["backbone"].get("family")  # a key that is missing is reported when the spec is read
    resolved["adaptation"] = {key: _choose_for_family(value, family) for key, value in resolved["adaptation"].items()}
    return resolved


def changes_others(key: Sequence[str]) -> bool:
    """Whether another value of `key` (its parts) may change values of other keys that are chosen by the backbone's family."""
    return tuple(key[:2]) == ("backbone", "family") or (key[0] == "adaptation" and len(key) > 2)


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
    """`value` with each float in it rounded to `DIGITS`; types stay, and integers are exact."""
    return map_leaves(value, lambda leaf: float(f"{leaf:.{DIGITS}g}") if isinstance(leaf, float) else leaf)


def map_leaves(value: Any, change: Callable[[Any], Any], left_out: Container[str] = ()) -> Any:
    """`value` with `change` applied to all that is no map and no list, without the keys that are `left_out`."""
    if isinstance(value, Mapping):
        return {key: map_leaves(item, change, left_out) for key, item in value.items() if key not in left_out}
    if isinstance(value, (list, tuple)):
        return [map_leaves(item, change, left_out) for item in value]
    return change(value)


def _choose_for_family(value: Any, family: Any) -> Any:
    """`{default, vit_large, ...}` gives the family's value; anything else is itself."""
    if isinstance(value, Mapping) and "default" in value:
        return value.get(
            family if isinstance(family, str) else None, value["default"]
        )  # else it is refused when it is read
    return value
