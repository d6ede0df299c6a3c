"""Checks settings against the types and bounds that a dataclass or a constructor states; each error is one line."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from functools import cache, partial
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Le, Lt
from pydantic import ConfigDict, TypeAdapter

from mitofm.ground.errors import MitofmError, unknown

Count = Annotated[int, Ge(1)]
Share = Annotated[float, Gt(0), Lt(1)]
UpToOne = Annotated[float, Ge(0), Le(1)]
Positive = Annotated[float, Gt(0)]
NotNegative = Annotated[float, Ge(0)]
Natural = Annotated[int, Ge(0)]
Patches = Annotated[int, Ge(3)]  # fewer are not compared on

T = TypeVar("T")

_STRICT = ConfigDict(strict=True, allow_inf_nan=False, arbitrary_types_allowed=True)
_BOUNDS = {Ge: "of at least {.ge}", Gt: "above {.gt}", Le: "up to {.le}", Lt: "below {.lt}"}
_KINDS: dict[Any, str] = {
    bool: "true or false", int: "a whole number", float: "a number", str: "text", Path: "a path", NoneType: "null"
}  # fmt: skip


class Seen:
    """What was made of parts of configs, for configs that share their parts and are not changed: each is made once."""

    def __init__(self) -> None:
        self._made: dict[tuple[Any, ...], tuple[Any, Any]] = {}

    def make(self, what: str, parts: tuple[Any, ...], make: Callable[[], T]) -> T:
        """What `make` gave for these very parts (the same objects), and the same `what`."""
        key = (what, *map(id, parts))
        if key not in self._made:
            self._made[key] = parts, make()  # the parts are kept, so that no other object gets their id
        return self._made[key][1]


def read(kind: type[T], values: Any, group: str = "", seen: Seen | None = None) -> T:
    """Read the dataclass `kind` from plain data; its annotations state types and bounds, keys with a default may be absent.

    `group` is the key of `values`, for messages ("fit"), or "" for a whole config. `seen` has what was read of its parts.

    Raises:
        MitofmError: a key is missing or unknown, or a value has another type or is out of bounds.
    """
    within = f"{group}." if group else ""
    known = {field.name: field for field in fields(kind) if field.init}  # type: ignore[arg-type]
    if not isinstance(values, Mapping):
        raise MitofmError(f"{group}={spell(values)}: give a map with the keys {', '.join(known)}")
    for key in values:
        if key not in known:
            raise unknown("key", f"{within}{key}", [f"{within}{one}" for one in known])
    for name, field in known.items():
        if name not in values and field.default is MISSING and field.default_factory is MISSING:
            raise MitofmError(f"{within}{name} is missing: a YAML of your own states all that the shipped ones do")
    hints = _read_hints(kind)  # type: ignore[arg-type]
    if seen is None:
        seen = Seen()
    return kind(
        **{
            key: seen.make(f"{kind.__name__}.{key}", (value,), partial(read_value, hints[key], value, f"{within}{key}"))
            for key, value in values.items()
        }
    )


def read_value(kind: Any, value: Any, key: str) -> Any:
    """`value` as the type `kind`. Only lists are converted, to tuples, and text to paths.

    Raises:
        MitofmError: it has another type, is out of bounds or not finite.
    """
    if is_dataclass(kind):
        return read(kind, value, key)  # type: ignore[arg-type]
    choices = _list_choices(kind)
    try:
        if choices and value is True and not any(one is True for one in choices):  # it equals 1
            raise ValueError("no choice is true")
        return _make_adapter(kind).validate_json(json.dumps(value, default=str))
    except ValueError as error:  # pydantic's is one
        if isinstance(value, str) and choices and all(isinstance(one, str) for one in choices):
            raise unknown(key, value, choices) from error
        number = isinstance(value, int | float) and not isinstance(value, bool)
        hint = f". A number is text in two quotes: {key}=\"'{spell(value)}'\"" if number and _takes_text(kind) else ""
        raise MitofmError(f"{key}={spell(value)}: give {describe(kind)}{hint}") from error


def check_arguments(target: type, given: Mapping[str, Any], place: str) -> None:
    """Check plain arguments of a class by the annotations of its constructor and those of its bases; errors as `read_value`.

    `place` is the key that the arguments are from, for messages ("split"), or "".
    """
    hints = _read_hints(target)
    for name, value in given.items():
        if name in hints:
            read_value(hints[name], value, f"{place}.{name}".lstrip("."))


def describe(kind: Any) -> str:
    """A type and its bounds in words: "a number above 0, or null"."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        bounds = " and ".join(_BOUNDS[type(one)].format(one) for one in arguments[1:] if type(one) in _BOUNDS)
        bounds = re.sub("of at least (.+) and up to", r"from \1 to", bounds)
        return f"{describe(arguments[0])} {bounds}".rstrip()
    if origin is Literal:
        return " or ".join(map(spell, arguments))
    if origin in (Union, UnionType):
        return ", or ".join(dict.fromkeys(map(describe, arguments)))
    if origin is tuple and arguments[-1] is not Ellipsis:
        return f"a list of {len(arguments)}, each {describe(arguments[0])}"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return "a map"
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return f"a list, each {describe(arguments[0])}"
    return _KINDS.get(kind, "another value")


def spell(value: Any) -> str:
    """A value as it is typed on a command line; text that looks like a number is quoted."""
    if isinstance(value, str) and not value.replace(".", "", 1).isdigit():
        return value
    return json.dumps(value, default=str, ensure_ascii=False)


@cache
def _make_adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind, config=_STRICT)


@cache
def _read_hints(kind: type) -> dict[str, Any]:
    if is_dataclass(kind):  # fields of a base may have types of another module, which the __init__ does not know
        return get_type_hints(kind, include_extras=True)
    hints: dict[str, Any] = {}
    for one in reversed(kind.__mro__):
        own = vars(one).get("__init__")
        if inspect.isfunction(own):
            hints |= get_type_hints(own, include_extras=True)
    return {name: hint for name, hint in hints.items() if name != "return"}


def _list_choices(kind: Any) -> tuple[Any, ...]:
    """The values of a Literal, or of a Literal or null; empty for any other type."""
    union = get_origin(kind) in (Union, UnionType)
    members = [one for one in get_args(kind) if one is not NoneType] if union else [kind]
    return get_args(members[0]) if len(members) == 1 and get_origin(members[0]) is Literal else ()


def _takes_text(kind: Any) -> bool:
    return kind in (str, Path) or any(map(_takes_text, get_args(kind)))
