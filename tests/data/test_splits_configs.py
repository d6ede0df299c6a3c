"""The shipped split configs, and the strategies on the real tables."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest
from omegaconf import OmegaConf

from mitofm.config import conf_dir, instantiate
from mitofm.data.splits.in_domain import InDomain
from mitofm.data.splits.make import make

REAL = Path(os.environ.get("MITOFM_DATA") or Path(__file__).parents[3] / "shared" / "data")
CONFIGS = sorted((conf_dir() / "split").glob("*.yaml"))
MISSING = {"domain": "lung", "file": "authors.csv", "train_on": "A", "test_on": ["B", "C"]}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_builds_its_strategy_and_says_how_to_run_it(path: Path) -> None:
    config = OmegaConf.load(path)
    for key in OmegaConf.missing_keys(config):
        config[key] = MISSING[key]
    strategy = instantiate(OmegaConf.to_container(config))
    assert strategy.name == path.stem
    assert f"split={path.stem}" in path.read_text().splitlines()[1]
    assert "mitofm train " in path.read_text().splitlines()[1]


def test_there_is_a_config_for_each_strategy_and_each_says_what_it_trains_on() -> None:
    said = {}
    for path in CONFIGS:
        config = OmegaConf.to_container(OmegaConf.load(path))
        assert isinstance(config, dict)
        said[path.stem] = instantiate(
            {key: MISSING[key] if value == "???" else value for key, value in config.items()}
        ).describe()
    assert said == {
        "annotation": "all",
        "external": "A",
        "file": "authors",
        "in_domain": "all",
        "kfold": "fold 0",
        "leave_one_out": "all but lung",
        "single_domain": "lung",
    }


@pytest.mark.parametrize(
    ("name", "by", "test_only"),
    [
        ("mf", "domain", ()),
        ("mf_multi", "domain", ()),
        ("mf_multi", "scanner", ("Aperio ScanScope XT", "Leica SCN400")),
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
    cells = pd.read_csv(path).rename(columns={"tumor_domain": "domain", "patch": "sample_id"})
    if "padded" in cells:
        cells = cells[cells["padded"] == 0]
    split = make(InDomain(name="in_domain", by=by), cells.assign(image=cells["slide"]), 1.0, 0)
    assert split.test_only == test_only
