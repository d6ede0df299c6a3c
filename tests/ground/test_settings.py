"""Settings are read strictly: another type, a value out of bounds or an unknown key is one line that names it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

from mitofm.ground.errors import MitofmError
from mitofm.ground.settings import Count, Share, UpToOne, read


@dataclass(frozen=True, kw_only=True)
class Inner:
    side: Count


@dataclass(frozen=True, kw_only=True)
class Group:
    count: Count
    share: Share | None
    rule: Literal["first", "last"]
    views: Literal[1, 8]
    mean: tuple[UpToOne, UpToOne]
    folder: Path
    on: bool
    inner: Inner
    younger: str = "as before"


GIVEN: dict[str, Any] = {
    "count": 3,
    "share": 0.5,
    "rule": "first",
    "views": 8,
    "mean": [0, 0.5],
    "folder": "a",
    "on": True,
    "inner": {"side": 2},
}


def test_what_is_right_is_read_as_its_type() -> None:
    read_now = read(Group, GIVEN, "group")
    assert read_now == Group(**GIVEN | {"mean": (0.0, 0.5), "folder": Path("a"), "inner": Inner(side=2)})
    assert read(Group, GIVEN | {"share": None}, "group").share is None


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("count", 0, "group.count=0: give a whole number of at least 1"),
        ("count", 1.5, "group.count=1.5: give a whole number of at least 1"),
        ("count", True, "group.count=true: give a whole number of at least 1"),
        ("count", "3", 'group.count="3": give a whole number of at least 1'),
        ("share", "50%", "group.share=50%: give a number above 0 and below 1, or null"),
        ("share", math.nan, "group.share=NaN: give a number above 0 and below 1, or null"),
        ("share", 1, "group.share=1: give a number above 0 and below 1, or null"),
        ("rule", "frist", "unknown group.rule 'frist'. Did you mean 'first'? There is: first, last"),
        ("rule", 1, "group.rule=1: give first or last"),
        ("views", True, "group.views=true: give 1 or 8"),
        ("views", 4, "group.views=4: give 1 or 8"),
        ("mean", [0.5], "group.mean=[0.5]: give a list of 2, each a number from 0 to 1"),
        ("folder", 2025, "group.folder=2025: give a path. A number is text in two quotes: group.folder=\"'2025'\""),
        ("on", "yes", "group.on=yes: give true or false"),
        ("inner", {"side": -1}, "group.inner.side=-1: give a whole number of at least 1"),
        ("inner", 3, "group.inner=3: give a map with the keys side"),
    ],
)
def test_what_is_wrong_is_named_with_what_is_allowed(key: str, value: Any, told: str) -> None:
    with pytest.raises(MitofmError) as refused:
        read(Group, GIVEN | {key: value}, "group")
    assert str(refused.value) == told


def test_an_unknown_key_and_a_missing_one_are_named() -> None:
    with pytest.raises(MitofmError, match=r"unknown key 'group\.cuont'\. Did you mean 'group\.count'"):
        read(Group, GIVEN | {"cuont": 1}, "group")
    with pytest.raises(MitofmError, match=r"group\.rule is missing"):
        read(Group, {key: value for key, value in GIVEN.items() if key != "rule"}, "group")
