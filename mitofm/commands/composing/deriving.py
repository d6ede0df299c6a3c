"""Derives the resolved configs of many cells from few that are composed: what differs in values alone is put into plain data.

One cell of each *shape* is composed (`mitofm.commands.composing.loading`): cells of one shape choose the same YAMLs, give values to
the same keys, of the same kind (null, a scalar, a list of scalars), and give the same value to each key whose value anything
else depends on: an interpolation, the backbone's family, another override above or below it. So the other values of a cell
change exactly their own keys, and its config is that of the composed cell with these values in their places.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import OmegaConf

from mitofm.commands.composing.interpolations import Place, find_reads, meets
from mitofm.commands.composing.loading import Declined, Loader
from mitofm.runs.keys import check_names
from mitofm.runs.resolve import changes_others, resolve, rounded

_KEY = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


@dataclass(frozen=True)
class _Choice:
    """An override: of a value that can stand in plain data if it has a `kind`, or one that `chooses` a YAML, or another."""

    text: str
    override: Override
    key: Place
    kind: str | None
    chooses: bool
    value: Any


@dataclass
class _Shape:
    """Cells that choose the same YAMLs and give values of the same kinds to the same keys.

    `free` are the numbers of the overrides whose values nothing depends on; `composed` is a resolved config for each
    combination of the others.
    """

    free: tuple[int, ...]
    composed: dict[tuple[str, ...], _Composed] = field(default_factory=dict)


@dataclass
class _Composed:
    """The resolved config of one cell, and the groups of others that were derived from it."""

    config: dict[str, Any]
    groups: dict[tuple[Any, ...], Any] = field(default_factory=dict)


class Deriver:
    """Resolves the configs of cells, each given by its overrides.

    Configs share their parts: they are not to be changed.

    Args:
        loader: composes.
    """

    def __init__(self, loader: Loader) -> None:
        self._loader = loader
        self._parser = OverridesParser.create()
        self._choices: dict[str, _Choice] = {}
        self._plain: dict[tuple[Any, ...], frozenset[int]] = {}
        self._shapes: dict[tuple[Any, ...], _Shape] = {}
        self._parts: dict[str, Any] = {}
        self.composed = 0
        """How many configs were composed."""

    def resolve(self, overrides: Sequence[str]) -> dict[str, Any]:
        """The resolved config of the cell with these overrides.

        Raises:
            Declined: Hydra has to compose it; other errors are those of Hydra, OmegaConf and `mitofm.runs.resolve`.
        """
        choices = [self._read(text) for text in overrides]
        plain = self._find_plain(choices)
        name = tuple((one.key, one.kind) if number in plain else one.text for number, one in enumerate(choices))
        shape = self._shapes.get(name)
        if shape is None:
            config, fixed = self._compose(choices)
            shape = self._shapes[name] = _Shape(tuple(sorted(plain - fixed)))
            shape.composed[self._name_rest(choices, shape)] = _Composed(config)
        rest = self._name_rest(choices, shape)
        if rest not in shape.composed:
            shape.composed[rest] = _Composed(self._compose(choices)[0])
        return self._put(shape.composed[rest], [choices[number] for number in shape.free])

    def _read(self, text: str) -> _Choice:
        if text not in self._choices:
            override = self._parser.parse_override(text)
            if override.is_sweep_override():
                raise Declined(text)
            key = tuple(override.key_or_group.split("."))
            value = override.value()
            chooses = self._loader.is_group(override.key_or_group) and not isinstance(value, dict)
            kind = None if chooses else _find_kind(override, value)
            self._choices[text] = _Choice(text, override, key, kind, chooses, rounded(value))
        return self._choices[text]

    def _find_plain(self, choices: Sequence[_Choice]) -> frozenset[int]:
        """The numbers of the choices that are values of keys that no other override is above or below.

        YAMLs are chosen before any value is set, so the choice of a YAML is above none.
        """
        name = tuple((one.key, one.kind, one.chooses) for one in choices)
        if name not in self._plain:
            others = {number: one.key for number, one in enumerate(choices) if not one.chooses}
            self._plain[name] = frozenset(
                number
                for number, one in enumerate(choices)
                if one.kind is not None
                and not any(meets(one.key, key) for place, key in others.items() if place != number)
            )
        return self._plain[name]

    def _name_rest(self, choices: Sequence[_Choice], shape: _Shape) -> tuple[str, ...]:
        return tuple(one.text for number, one in enumerate(choices) if number not in shape.free)

    def _compose(self, choices: Sequence[_Choice]) -> tuple[dict[str, Any], frozenset[int]]:
        """The resolved config with these choices, and the numbers of those whose values may change other keys."""
        config = self._loader.compose([one.override for one in choices])
        self.composed += 1
        unresolved = OmegaConf.to_container(config)
        reads = find_reads(unresolved)
        check_names(unresolved)
        resolved = resolve(config)
        if any(key[0] == "hydra" for key in reads.keys) or any(isinstance(one, list) for one in resolved.values()):
            raise Declined("Hydra's own part is read, or a YAML is a list")
        fixed = {
            number
            for number, one in enumerate(choices)
            if reads.touch(one.key)
            or changes_others(one.key)
            or not (_holds(unresolved, one.key, one.override.value()) and _holds(resolved, one.key, one.value))
        }
        return {key: self._share(value) for key, value in resolved.items()}, frozenset(fixed)

    def _put(self, composed: _Composed, choices: Sequence[_Choice]) -> dict[str, Any]:
        """The composed config with the values of these choices in their places; the rest is shared."""
        config = dict(composed.config)
        by_group: dict[str, list[_Choice]] = {}
        for one in choices:
            by_group.setdefault(one.key[0], []).append(one)
        for group, some in by_group.items():
            name = (group, *(one.text for one in some))
            if name not in composed.groups:
                value = config[group]
                for one in some:
                    value = _replace(value, one.key[1:], one.value)
                composed.groups[name] = self._share(value)
            config[group] = composed.groups[name]
        return config

    def _share(self, value: Any) -> Any:
        """`value`, or one that is equal to the order of its keys and was given before."""
        return self._parts.setdefault(repr(value), value)


def _find_kind(override: Override, value: Any) -> str | None:
    """The kind of a value that can stand in plain data; None if the override is none."""
    changes = override.is_add() or override.is_force_add() or override.is_delete() or override.package is not None
    if changes or override.is_hydra_override() or not _KEY.fullmatch(override.key_or_group):
        return None
    if value is None:
        return "null"
    if _is_scalar(value):
        return "scalar"
    return "list" if isinstance(value, list) and all(map(_is_scalar, value)) else None


def _is_scalar(value: Any) -> bool:
    """Whether a value stands for itself: no interpolation, and not `???`, which leaves a choice open."""
    if isinstance(value, str):
        return "${" not in value and value != "???"
    return isinstance(value, (bool, int, float))


def _holds(config: Any, key: Place, value: Any) -> bool:
    """Whether a config, as plain data, has `value` at `key`, and maps above it: an interpolation there leads elsewhere."""
    for part in key:
        if not isinstance(config, dict) or part not in config:
            return False
        config = config[part]
    return repr(config) == repr(value)


def _replace(config: Any, key: Place, value: Any) -> Any:
    """`config` with `value` at `key`; maps above it are copied."""
    if not key:
        return value
    return {**config, key[0]: _replace(config[key[0]], key[1:], value)}
