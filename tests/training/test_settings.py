"""Every key of a cell's config refuses another type, a value out of range and NaN, in one line."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from mitofm.commands.composing.compose import compose
from mitofm.ground.errors import Infeasible, MitofmError
from mitofm.runs.resolve import resolve
from mitofm.training.settings import Settings

CONFIGS = {
    "": "",
    "adaptation=lora": "adaptation",
    "adaptation=full": "adaptation",
    "adaptation=lp_ft": "adaptation",
    "adaptation=mlp_probe": "adaptation",
    "adaptation=attentive_probe": "adaptation",
    "adaptation=knn": "adaptation",
    "adaptation=prompt": "adaptation",
    "split=kfold": "split",
    "split=file split.file=x.csv": "split",
    "split=domain_count split.domain=x split.count=1": "split",
    "split=external split.train_on=a split.test_on=b": "split",
    "data=own_csv": "data",
    "protocol/confounders=background": "protocol",
    "augment=strong adaptation=lora": "augment",
}
"""What is read_choices, and the group whose keys are tried: all of the defaults'."""

# A word of the user's own files may be anything.
WORDS = {f"data.source.{key}" for key in ("positive", "negative", "ignored", "vote_words")}
# timm's and albumentations' own arguments: what they take themselves is theirs; NaN and text are refused.
THEIRS = ("backbone.kwargs.", "augment.transforms.")


def walk(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from walk(inner, (*at, key))
    elif isinstance(value, list) and value and isinstance(value[0], Mapping):
        for number, inner in enumerate(value):
            yield from walk(inner, (*at, number))
    else:
        yield at, value


def wrong_values(key: str, value: Any) -> list[Any]:
    if key in WORDS:
        return [math.nan]
    if key.startswith(THEIRS):
        return [math.nan, "abc"]
    if isinstance(value, bool):
        return [math.nan, "abc", 2]
    if isinstance(value, int | float):
        return [math.nan, "abc", True, [[]], -1]
    if isinstance(value, str):
        return [math.nan, -1, [1]]
    return [math.nan, -1, "abc", [[]]] if isinstance(value, list | Mapping) else [math.nan, -1, [[]]]


def replaced(config: dict[str, Any], at: tuple[Any, ...], value: Any) -> dict[str, Any]:
    changed = inner = copy.deepcopy(config)
    for key in at[:-1]:
        inner = inner[key]
    inner[at[-1]] = value
    return changed


@pytest.mark.parametrize("typed", CONFIGS)
def test_every_key_refuses_what_it_cannot_be(typed: str) -> None:
    config = resolve(compose("train", typed.split(" ") if "=" in typed else []))
    if "domain" in typed:
        config["split"]["domain"] = "x"
    accepted, told, tried = [], [], 0
    Settings.read(config)
    for at, value in walk(config):
        key = ".".join(map(str, at))
        for wrong in wrong_values(key, value) if key.startswith(CONFIGS[typed]) else ():
            tried += 1
            try:
                Settings.read(replaced(config, at, wrong)).check_model()
                accepted.append((key, wrong))
            except MitofmError as refused:
                told.append(str(refused))
            except Infeasible:
                pass
    assert tried > 10
    assert not accepted
    assert not [one for one in told if "\n" in one]


def test_settings_of_a_study_named_by_a_year_stay_text() -> None:
    assert compose("train", ["study=2025_11"]).study == "2025_11"
    with pytest.raises(MitofmError, match="study=2025: give text"):
        Settings.read(resolve(compose("train", [])) | {"study": 2025})
