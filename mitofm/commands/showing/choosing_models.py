"""Which backbones are listed: conditions on what their YAMLs state, `gated=false dim=..1024`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any

import yaml

from mitofm.backbones.spec import BackboneSpec
from mitofm.ground.errors import MitofmError, unknown

SHORT = {"dim": "embed_dim"}
_KEYS = sorted({field.name for field in fields(BackboneSpec)} - {"kwargs"} | SHORT.keys())
_COMPARISON = re.compile(r"(\w+)(<=|>=)(.+)")

Condition = Callable[[BackboneSpec], bool]


def read_conditions(words: Sequence[str]) -> list[Condition]:
    """A condition for each of the words `key=value`, `key=low..high`, `key=..high`, `key=low..`, `key<=high` and `key>=low`.

    Raises:
        MitofmError: a key is none of a backbone's, or a value cannot be compared.
    """
    return [_read_condition(word) for word in words]


def _read_condition(word: str) -> Condition:
    if compared := _COMPARISON.fullmatch(word):
        key, sign, bound = compared.groups()
        word = f"{key}=..{bound}" if sign == "<=" else f"{key}={bound}.."
    key, equals, typed = word.partition("=")
    if key not in _KEYS:
        raise unknown("key", key, _KEYS, "a backbone")
    if not equals or not typed:
        raise MitofmError(
            f"mitofm models {word}: write {key}=VALUE or a range, {key}=..1024; without quotes a shell takes < and > for files"
        )
    name = SHORT.get(key, key)
    if ".." in typed:
        low, high = (_read_number(end, word) for end in typed.split("..", 1))
        return lambda spec: _lies_between(getattr(spec, name), low, high)
    wanted = _read_value(typed)
    return lambda spec: _is(getattr(spec, name), wanted)


def _read_number(typed: str, word: str) -> float | None:
    try:
        return float(typed) if typed else None
    except ValueError as error:
        raise MitofmError(
            f"mitofm models {word}: {typed!r} is no number; a range is 384..1024, ..1024 or 384.."
        ) from error


def _read_value(typed: str) -> Any:
    try:
        return yaml.safe_load(typed)
    except yaml.YAMLError:
        return typed


def _lies_between(value: Any, low: float | None, high: float | None) -> bool:
    """Whether a number is in the range, ends included; what is not stated, or no number, is in none."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return (low is None or low <= value) and (high is None or value <= high)


def _is(value: Any, wanted: Any) -> bool:
    """Whether a value is the wanted one, or a list has it."""
    if isinstance(value, tuple):
        return wanted in value
    return value == wanted and isinstance(value, bool) == isinstance(wanted, bool)
