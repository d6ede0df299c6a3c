"""Configs that are derived are those that Hydra composes, to the last key and its place, or are left to Hydra."""

from __future__ import annotations

import os
import random
from collections import Counter
from itertools import islice, product
from pathlib import Path
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from mitofm.commands.composing import compose as composing
from mitofm.commands.composing import grids
from mitofm.commands.composing.deriving import Deriver
from mitofm.commands.composing.grids import resolve_cells
from mitofm.commands.composing.interpolations import find_reads, meets
from mitofm.runs.resolve import resolve

from .mixtures import list_studies, mix, write_own

MIXTURES = int(os.environ.get("MITOFM_MIXTURES", "40"))  # make test-mixtures: 2,100


def _compose(name: str, overrides: list[str]) -> str | None:
    """The config that Hydra composes, as text; None if it refuses."""
    try:
        return repr(resolve(composing.compose_started(name, overrides)))
    except grids.REFUSED:
        return None


def _derive(deriver: Deriver, overrides: list[str]) -> str | None:
    try:
        return repr(deriver.resolve(overrides))
    except grids.REFUSED:
        return None


def test_what_is_derived_is_what_hydra_composes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_own(tmp_path)
    monkeypatch.setenv("MITOFM_CONF", str(tmp_path))
    monkeypatch.setenv("OWN_CACHE", "elsewhere")
    draw, turns = random.Random(MIXTURES), iter(range(MIXTURES))
    studies = [("train", None)] * 12 + list_studies()
    told: Counter[str] = Counter()
    for name, folder in draw.sample(studies, 8) if MIXTURES < 100 else studies:
        with composing.start_hydra(folder):
            deriver = grids._make_deriver(name)
            assert deriver is not None
            for turn in islice(turns, max(1, MIXTURES // (8 if MIXTURES < 100 else len(studies)))):
                first, second = mix(draw, turn, deriver._loader)
                composed = deriver.composed
                _derive(deriver, first)
                given = _derive(deriver, second)
                right = _compose(name, second)
                derived = given is not None and deriver.composed == composed + 1
                told["derived" if derived else "composed" if given else "declined" if right else "refused by both"] += 1
                assert given is None or given == right, (name, first, second)
    print(told)
    assert told["declined"] <= MIXTURES / 10
    assert told["derived"] >= MIXTURES / 5
    assert told["composed"] >= MIXTURES / 5


@pytest.mark.parametrize(("name", "folder"), list_studies(), ids=lambda one: Path(str(one)).name)
def test_no_cell_of_a_shipped_study_is_left_to_hydra(name: str, folder: str) -> None:
    with composing.start_hydra(folder):
        params = composing.compose_started(name, [], with_hydra=True).hydra.sweeper.params
    parsed = OverridesParser.create().parse_overrides([f"{key}={value}" for key, value in params.items()])
    values = [
        list(one.sweep_string_iterator()) if one.is_sweep_override() else [one.get_value_element_as_str()]
        for one in parsed
    ]
    keys = [one.key_or_group for one in parsed]
    cells = [[f"{key}={value}" for key, value in zip(keys, each, strict=True)] for each in product(*values)]
    told: Counter[str] = Counter()
    configs = list(resolve_cells(name, folder, cells, count=told))
    assert told["declined"] == 0
    assert told["composed"] <= max(24, len(cells) / 3)
    with composing.start_hydra(folder):
        assert repr(configs[-1]) == repr(resolve(composing.compose_started(name, cells[-1])))


def _resolve(*cells: list[str], **files: Any) -> tuple[list[dict[str, Any]], Counter[str]]:
    told: Counter[str] = Counter()
    return list(resolve_cells("train", None, cells, count=told)), told


def test_a_key_that_others_read_is_composed_anew() -> None:
    sizes, told = _resolve(*([f"backbone.img_size={size}", f"seed={seed}"] for size in (32, 64) for seed in (1, 2)))
    assert [one["backbone"]["kwargs"]["img_size"] for one in sizes] == [32, 32, 64, 64]
    assert [one["seed"] for one in sizes] == [1, 2, 1, 2]
    assert told == {"composed": 2, "derived": 2}


def test_the_backbones_family_chooses_anew() -> None:
    cells = [["adaptation=lora", f"backbone.family={family}"] for family in ("vit_toy", "vit_giant", "unheard")]
    assert [one["adaptation"]["lr"] for one in _resolve(*cells)[0]] == [2e-3, 2e-4, 5e-4]
    rates = [["adaptation=lora", f"adaptation.lr.{family}=7"] for family in ("default", "vit_toy")]
    assert [one["adaptation"]["lr"] for one in _resolve(*rates)[0]] == [2e-3, 7]


def test_a_fault_of_its_own_leaves_the_cells_to_hydra_and_is_told_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(grids, "_told_slow", set())
    monkeypatch.setattr(Deriver, "resolve", lambda self, overrides: self.gone)
    configs, told = _resolve(["seed=1"], ["seed=2"])
    assert [one["seed"] for one in configs] == [1, 2]
    assert told == {"declined": 2}
    said = capsys.readouterr().err
    assert said.count("AttributeError") == said.count("Hydra composes each cell instead") == 1


def test_parts_are_shared_and_not_changed() -> None:
    (first, second, third), _ = _resolve(*([f"split.seed={one}"] for one in ()), ["seed=1"], ["seed=2"], ["seed=1"])
    assert first["data"] is second["data"]
    assert first == third != second


@pytest.mark.parametrize(
    ("config", "keys", "known"),
    [
        ({"a": {"b": "${..c}"}}, {("c",)}, True),
        ({"a": {"b": ["${...c.d}/x"]}}, {("c", "d")}, True),
        ({"a": {"b": "${.c}"}}, {("a", "c")}, True),
        ({"a": "${oc.env:HERE,${b}}"}, set(), False),
        ({"a": "${oc.env:HERE,there}"}, set(), True),
        ({"a": "${oc.select:b.c,null}"}, {("b", "c")}, True),
        ({"a": "${b[0]}"}, set(), False),
        ({"a": "${now:%Y}"}, set(), False),
        ({"a": "${b"}, set(), False),
    ],
)
def test_what_interpolations_read(config: dict[str, Any], keys: set[Any], known: bool) -> None:
    found = find_reads(config)
    assert (found.keys, found.known) == (keys, known)
    assert found.touch(("c",)) is (not known or ("c",) in keys or ("c", "d") in keys)


def test_keys_meet_if_one_is_above_the_other() -> None:
    assert meets(("a",), ("a", "b"))
    assert meets(("a", "b"), ("a",))
    assert not meets(("a", "b"), ("a", "c"))
