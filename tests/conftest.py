"""What many tests share: configs composed as a user would, and a small synthetic data set made once."""

from __future__ import annotations

import os
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import settings
from omegaconf import DictConfig, OmegaConf

from mitofm import cli
from mitofm.commands.composing.compose import compose, start_hydra
from mitofm.commands.composing.grids import REFUSED
from mitofm.commands.composing.loading import Loader
from mitofm.ground.config import list_config_folders
from mitofm.ground.garbage import collect_rarely
from mitofm.runs.keys import check_names
from mitofm.runs.resolve import resolve

from .made_up import Study

TISSUE = (
    "data.source.domains=[canine lymphoma,human melanoma]",
    "data.source.slides_per_domain=6",
    "data.source.cells_per_slide=24",
)
QUICK = (
    "fit.max_epochs=1",
    "fit.min_steps=1",
    "trainer.threads=1",
    "trainer.accelerator=cpu",
    "trainer.progress=false",
    "logger=none",
)

TRIED = (
    "adaptation=linear_probe,lora,prompt",
    "study=tried",
    "backbone=toy_vit_p16",
    "data.source.domains=[canine lymphoma,human melanoma]",
    "data.source.slides_per_domain=6",
    "data.source.cells_per_slide=12",
    "protocol.validation_samples=10",
    "protocol.validation_samples_per_class=3",
    *QUICK,
    "fit.min_steps=8",
)

os.environ.setdefault("WANDB_MODE", "offline")
collect_rarely()  # before tests import torch
settings.register_profile("mitofm", deadline=None, derandomize=True)  # cores are shared, and a failure is one for all
settings.load_profile("mitofm")


@pytest.fixture(autouse=True)
def own_wandb() -> None:
    """Commands that a test starts are not to use the W&B service that an earlier test's run started in this process."""
    os.environ.pop("WANDB_SERVICE", None)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data and cache that tests may share; runs are each test's own."""
    return tmp_path_factory.mktemp("shared")


@pytest.fixture
def quick() -> list[str]:
    """What `small` adds, paths aside, as a user types it."""
    return [*TISSUE, *QUICK]


@cache
def make_loader(primary: str, folders: tuple[Path, ...]) -> Loader:
    """What composes the cells of a sweep: each YAML is read once. `folders` are those of configs, which plug-ins may add to."""
    del folders
    with start_hydra(None):
        return Loader(primary, GlobalHydra.instance().config_loader().get_search_path())


@cache
def compose_once(primary: str, overrides: tuple[str, ...]) -> DictConfig:
    """A config without what a user adds, as the cells of a sweep are composed; tests ask for the same ones again and again."""
    try:
        loader = make_loader(primary, tuple(list_config_folders()))
        config = loader.compose(OverridesParser.create().parse_overrides(list(overrides)))
        check_names(OmegaConf.to_container(config))
    except REFUSED:
        return compose(primary, overrides)  # which says what is wrong
    return config


@pytest.fixture
def small(shared: Path, tmp_path: Path) -> Callable[..., Any]:
    """Composes `train` with further overrides, on small synthetic data and the cheapest backbone unless they name others."""

    def composed(*overrides: str, primary: str = "train", config_dir: str | None = None) -> Any:
        tissue = () if any(one.startswith("data=") for one in overrides) else TISSUE
        if primary == "train" and not any(one.startswith(("backbone=", "--config")) for one in overrides):
            tissue = (*tissue, "backbone=toy_vit_p16")
        places = {"data": shared / "data", "cache": shared / "cache", "runs": tmp_path / "runs"}
        named = [one for one in overrides if one.partition("=")[0] in {f"paths.{name}" for name in places}]
        paths = [*(f"paths.{name}={place}" for name, place in places.items()), *named]
        if config_dir or "MITOFM_CONF" in os.environ:
            return compose(primary, [*tissue, *QUICK, *paths, *overrides], config_dir)
        config = deepcopy(compose_once(primary, (*tissue, *QUICK, *(one for one in overrides if one not in named))))
        for key, _, place in (one.partition("=") for one in paths):
            OmegaConf.update(config, key, place)
        return config

    return composed


@pytest.fixture
def resolved(small: Callable[..., Any]) -> Callable[..., dict[str, Any]]:
    """As `small`, resolved to plain data."""
    return lambda *overrides: resolve(small(*overrides))


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's folder, with data, runs and cache, in which study `tried` is trained when it is first asked for."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def typed(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[str, str]]:
    """Types a command in this process; gives what it printed on stdout and stderr."""

    def command(*words: str | Path) -> tuple[str, str]:
        monkeypatch.setattr("sys.argv", ["mitofm", *map(str, words)])
        cli.main()
        out, err = capsys.readouterr()
        return out, err

    for name in ("data", "runs", "cache", "weights"):
        monkeypatch.setenv(f"MITOFM_{name.upper()}", str(home / name))
    return command


@pytest.fixture
def tried(home: Path, typed: Callable[..., tuple[str, str]]) -> Path:
    """The folder with the cells of study `tried`, one of each of three adaptations: trained once, not to be changed."""
    if not (home / "runs" / "studies" / "tried").exists():
        typed("train", "-m", *TRIED)
    return home / "runs" / "cells"


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """An empty runs folder with one study."""
    return Study(tmp_path / "runs")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of the real crops; the test is skipped where it is absent."""
    folder = Path(os.environ.get("MITOFM_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not (folder / "ami" / "annotations.csv").is_file():
        pytest.skip(f"no real crops: {folder}/ami/annotations.csv does not exist (set MITOFM_DATA)")
    return folder


@pytest.fixture(scope="session")
def real_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stores of the real crops, built once for all tests of all processes: only to be asked for, as stores of others are."""
    mine = tmp_path_factory.getbasetemp()
    return (mine.parent if "PYTEST_XDIST_WORKER" in os.environ else mine) / "real_cache"
