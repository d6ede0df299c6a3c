"""Each key of a cell's config is of one class, and a key that was renamed names the same cells as before."""

import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml
from omegaconf import OmegaConf

from mitofm.commands.composing.command_line import read_command_line
from mitofm.commands.composing.compose import compose, list_group
from mitofm.commands.composing.grids import resolve_grid
from mitofm.data.card import Card
from mitofm.ground.errors import MitofmError
from mitofm.reporting.measured.configurations import compare_configs, flatten
from mitofm.runs import keys
from mitofm.runs.books import studies
from mitofm.runs.folder import read_config
from mitofm.runs.identity import hash_config

Resolved = Callable[..., dict[str, Any]]
OLD, NEW = next(iter(keys.RENAMED.items()))
FAMILY = {"metric": "auroc", "test_set": None, "margin": 0.02}


def name(config: dict[str, Any]) -> str:
    return hash_config(config, "0" * 64, "1" * 64, [])


def test_every_key_of_a_config_is_of_one_class(resolved: Resolved) -> None:
    classes = [*keys.WHOLE, *keys.SINGLE, *keys.COUNTED, *keys.NO_PART]
    assert len(classes) == len(set(classes))
    assert resolved().keys() | {"hydra"} == {*classes, "debug"}  # which only chooses other values
    for group, counted in keys.COUNTED.items():
        other = keys.UNCOUNTED[group]
        assert not {*counted} & {*other}
        for file in list_group(group).values():
            stated = OmegaConf.load(file).keys() - {"defaults"}
            assert stated <= {*counted, *other}, file


def test_every_key_of_a_table_is_one_of_a_config(resolved: Resolved) -> None:
    configs = [
        resolved(*choice)
        for choice in (
            ["split=domain_count", "split.domain=canine lymphoma", "split.count=1"],
            ["split=file", "split.file=a"],
            ["split=per_mode"],
            ["split=external", "split.train_on=a", "split.test_on=b"],
            ["data=midogpp"],
            ["data=ami", "backbone=crisp"],
        )
    ]
    there = {
        f"{group}.{key}" for config in configs for group, value in config.items() if value for key in _below(value)
    }
    there |= configs[0].keys()
    tables = [*keys.NEUTRAL, *keys.RENAMED.values(), *(key for values in keys.LABELS.values() for key in values)]
    tables += [f"{group}.{key}" for group in keys.COUNTED for key in (*keys.COUNTED[group], *keys.UNCOUNTED[group])]
    may_be_left_out = {f"data.{key}" for key in ("outside", "padded", "patients", "authors_split", "overlaps")}
    assert {*tables} - there <= may_be_left_out
    assert all(keys.counts(key) for key in [*keys.NEUTRAL, *keys.RENAMED.values(), *keys.SINGLE])


def _below(value: Any) -> list[str]:
    return list(value) if isinstance(value, dict) else []


def test_a_key_counts_exactly_if_another_value_gives_another_id(resolved: Resolved) -> None:
    config = resolved("split=file", "split.file=a")
    for group in (*keys.WHOLE, "data"):
        for key, value in config[group].items():
            if key not in (*keys.PLACES, "transforms", "confounders", "source"):  # read for what they hold
                other = config | {group: config[group] | {key: f"not {value}"}}
                assert (name(other) != name(config)) == keys.counts(f"{group}.{key}"), f"{group}.{key}"
    for key in config.keys() & {*keys.NO_PART}:
        assert name(config | {key: "other"}) == name(config), key
    for key in keys.SINGLE:
        assert name(config | {key: 0.5}) != name(config), key
    for key, neutral in keys.NEUTRAL.items():
        group, _, last = key.partition(".")
        without = {one: value for one, value in config[group].items() if one != last}
        assert name(config | {group: without}) == name(config | {group: without | {last: neutral}}), key


def test_keys_that_decide_the_table_have_the_values_of_the_card_if_they_are_left_out() -> None:
    stated = {field.name: field.default for field in fields(Card)}
    assert {key: stated[key] for key in keys.CURATION} == keys.CURATION
    for key, usual in keys.CURATION.items():
        assert not keys.counts(f"data.{key}")
        assert not keys.may_change_results(f"data.{key}", None, usual)
        assert keys.may_change_results(f"data.{key}", usual, "another")
    assert keys.may_change_results("data.patients.slide_1", None, "patient_1")  # a map, flattened


@pytest.mark.parametrize(
    ("key", "pair", "may"),
    [
        ("fit.max_epochs", (6, 20), True),
        ("fit.labels", (None, "majority"), False),  # what a cell of 0.1 does not state
        ("fit.labels", (None, "votes"), True),
        ("data.title", ("a", "b"), False),
        ("backbone.file", ("a", "b"), False),
    ],
)
def test_a_key_may_change_results_if_it_counts_and_its_values_differ(
    key: str, pair: tuple[Any, Any], may: bool
) -> None:
    assert keys.may_change_results(key, *pair) is may


def test_places_and_repetitions_are_not_compared() -> None:
    compared = {
        "data": {"source": {"root": "/a", "file": "a.csv", "seed": 1}},
        "split": {"fold": 1, "mode": "x", "by": 2},
    }
    assert dict(flatten(compared | {"seed": 1, "study": "mine"})) == {"data.source.seed": 1, "split.by": 2}


def test_a_cell_of_before_is_read_under_the_names_of_today_and_is_the_same_cell(
    resolved: Resolved, tmp_path: Path
) -> None:
    config = resolved(f"{NEW}=60")
    old = keys.rename(config, keys.FORMER)
    assert old["protocol"] == {
        "name": "honest",
        "validation_cells": 60,
        "validation_cells_per_class": 10,
        "confounders": {},
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(old, sort_keys=False))
    assert read_config(tmp_path) == config
    assert compare_configs(read_config(tmp_path), config) == {}
    assert name(old) == name(config) != name(resolved())


def test_a_study_of_before_is_the_same_study(tmp_path: Path) -> None:
    def stated(key: str) -> dict[str, Any]:
        return FAMILY | {"family": {"few": {key: [50, 100], "adaptation": "lora"}}}

    studies.note_grid(tmp_path, "mine", {"data": "ami"}, {OLD: ["50", "100"]})
    studies.enlist(tmp_path, "mine", "a", {"data": "ami", NEW: "50"})
    assert studies.read(tmp_path, "mine").not_started() == ([f"{OLD}=100"], 2)

    folder = tmp_path / "studies" / "of_0_1"
    folder.mkdir()
    (folder / "cells.csv").write_text("cell\na\n")
    (folder / "comparisons.json").write_text(json.dumps(stated(OLD)))
    assert studies.read(tmp_path, "of_0_1").stated == stated(NEW)
    studies.state_comparisons(tmp_path, "of_0_1", stated(NEW))


@pytest.mark.parametrize("old", keys.RENAMED)
@pytest.mark.parametrize("typed", ["{}=5", "+{}=5", "++{}=5", "{}.x=5"])
def test_the_old_name_of_a_key_is_refused_with_its_new_one(old: str, typed: str) -> None:
    with pytest.raises(MitofmError) as told:
        compose("train", [typed.format(old)])
    assert str(told.value) == (
        f"{old} is called {keys.RENAMED[old]} since mitofm 0.2: rename it in the command, or in your YAML"
    )


def test_so_it_is_in_a_map_that_is_typed() -> None:
    with pytest.raises(MitofmError, match=f"^{OLD} is called {NEW} since"):
        compose("train", ["protocol={validation_cells: 5}"])


@pytest.mark.parametrize(
    "content",
    [
        "defaults: [honest]\nvalidation_cells: 5\n",  # beside the new key
        "name: mine\nvalidation_cells: 5\nvalidation_cells_per_class: 1\nconfounders: {}\n",  # a whole one of mitofm 0.1
    ],
)
def test_and_in_a_yaml_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    (tmp_path / "protocol").mkdir()
    (tmp_path / "protocol" / "mine.yaml").write_text(content)
    monkeypatch.setenv("MITOFM_CONF", str(tmp_path))
    with pytest.raises(MitofmError, match=f"^{OLD} is called {NEW} since") as told:
        compose("train", ["protocol=mine"])
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    "content",
    [
        f"hydra: {{mode: MULTIRUN, sweeper: {{params: {{{OLD}: '5,6'}}}}}}",
        "protocol: {validation_cells: 5}",
        f"comparisons: {json.dumps(FAMILY | {'family': {'few': {OLD: [50, 100]}}})}",
    ],
)
def test_and_in_a_study(tmp_path: Path, content: str) -> None:
    (tmp_path / "sweep.yaml").write_text(f"defaults: [train, _self_]\n{content}\n")
    with pytest.raises(MitofmError, match=f"^{OLD} is called {NEW} since"):
        list(resolve_grid(read_command_line("sweep", [], str(tmp_path))))
