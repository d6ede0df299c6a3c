"""The shipped split configs, and the strategies on the real tables."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pandas as pd
import pytest

from mitofm.commands.composing.compose import compose
from mitofm.data.splits.in_domain import InDomain
from mitofm.data.splits.make import make
from mitofm.data.splits.part import Strategy
from mitofm.ground.config import conf_dir, instantiate
from mitofm.runs.resolve import resolve

REAL = Path(os.environ.get("MITOFM_DATA") or Path(__file__).parents[3] / "shared" / "data")
CONFIGS = sorted((conf_dir() / "split").glob("*.yaml"))
GIVEN = {"authors": ["data=midogpp"]}  # more that a split needs
MISSING = {
    "domain_count": {"domain": "lung", "count": 2},
    "external": {"train_on": "A", "test_on": "[B,C]"},
    "external_folds": {"train_on": "A", "test_on": "[B,C]"},
    "file": {"file": "authors.csv"},
    "leave_one_out": {"domain": "lung"},
    "one_sided_leak": {"domain": "lung"},
    "single_domain": {"domain": "lung"},
}


@cache
def built(name: str) -> Strategy:
    given = [f"split.{key}={value}" for key, value in MISSING.get(name, {}).items()]
    return instantiate(resolve(compose("train", [f"split={name}", *given, *GIVEN.get(name, [])]))["split"])


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_builds_its_strategy_and_says_how_to_run_it(path: Path) -> None:
    assert built(path.stem).name == path.stem
    assert f"split={path.stem}" in path.read_text().splitlines()[1]
    assert "mitofm train " in path.read_text().splitlines()[1]


def test_there_is_a_config_for_each_strategy_and_each_says_what_it_trains_on_and_whether_it_leaks() -> None:
    found = {path.stem: built(path.stem) for path in CONFIGS}
    assert {name: strategy.describe() for name, strategy in found.items()} == {
        "annotation": "all",
        "annotation_kfold": "fold 0",
        "annotation_per_mode": "all",
        "authors": "the authors' training part",
        "domain_count": "2 domains but lung",
        "external": "A",
        "external_folds": "fold 0",
        "file": "authors",
        "in_domain": "all",
        "kfold": "fold 0",
        "leave_one_out": "all but lung",
        "one_sided_leak": "lung",
        "per_mode": "fold 0",
        "single_domain": "lung",
    }
    leaky = {"annotation", "annotation_kfold", "annotation_per_mode", "one_sided_leak"}
    assert {name for name, strategy in found.items() if strategy.leaks} == leaky


@pytest.mark.parametrize(
    ("name", "by", "test_only"),
    [
        ("mf", "domain", ()),
        ("mf_multi", "domain", ()),
        ("mf_multi", "scanner", ()),
        ("ami", "scanner", ("Aperio ScanScope XT",)),
        ("ami", "species", ()),
        (
            "ami",
            "domain",
            ("canine lung cancer", "canine lymphoma", "canine soft tissue sarcoma", "human neuroendocrine tumor"),
        ),
    ],
)
def test_the_real_tables_have_these_test_only_domains(name: str, by: str, test_only: tuple[str, ...]) -> None:
    path = REAL / name / "annotations.csv"
    if not path.is_file():
        pytest.skip(f"no real crops: {path} is not there (MITOFM_DATA names their folder)")
    samples = pd.read_csv(path).rename(columns={"tumor_domain": "domain", "patch": "sample_id"})
    if "padded" in samples:
        samples = samples[samples["padded"] == 0]
    split = make(InDomain(name="in_domain", by=by), samples.assign(image=samples["slide"]), 1.0, 0)
    assert split.test_only == test_only
