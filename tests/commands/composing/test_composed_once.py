"""What a command line means is asked of Hydra no more often than needed: it takes 0.1 s for each config."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.global_hydra import GlobalHydra

from mitofm.commands import train
from mitofm.commands.composing.command_line import read_command_line
from mitofm.ground.errors import MitofmError

STUDY = """
defaults: [train, _self_]
hydra: {mode: MULTIRUN, sweeper: {params: {split: single_domain, split.domain: "a,b"}}}
"""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[list[str]]]:
    """The overrides of every config that Hydra was asked for."""
    seen: list[list[str]] = []
    load: Callable[..., Any] = ConfigLoaderImpl.load_configuration

    def watched(loader: ConfigLoaderImpl, *given: Any, **named: Any) -> Any:
        seen.append(list(named["overrides"]))
        return load(loader, *given, **named)

    monkeypatch.setattr(ConfigLoaderImpl, "load_configuration", watched)
    monkeypatch.setattr("sys.argv", ["mitofm"])
    yield seen
    GlobalHydra.instance().clear()


def test_each_cell_of_a_fresh_sweep_once(
    asked: list[list[str]], shared: Path, tmp_path: Path, quick: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "run", lambda *_, **__: None)  # cells are not needed
    for name, folder in {"DATA": shared / "data", "CACHE": tmp_path / "cache", "RUNS": tmp_path / "runs"}.items():
        monkeypatch.setenv(f"MITOFM_{name}", str(folder))
    train.main(["-m", "seed=1,2,3", "backbone=toy_vit_p16", "adaptation=knn", *quick])
    assert [sum(f"seed={seed}" in one for one in asked) for seed in (2, 3)] == [1, 1]


def test_a_command_line_without_a_sweep_once(asked: list[list[str]]) -> None:
    assert read_command_line("train", ["seed=5"], None).fixed == ["seed=5"]
    assert asked == [["seed=5"]]


def test_a_key_of_what_a_study_sweeps_is_still_known_and_a_wrong_one_refused(tmp_path: Path) -> None:
    (tmp_path / "sweep.yaml").write_text(STUDY)
    assert read_command_line("sweep", ["split.domain=c"], str(tmp_path)).swept == {"split": ["single_domain"]}
    with pytest.raises(MitofmError, match=r"Did you mean 'split\.domain'"):
        read_command_line("sweep", ["split.domian=c"], str(tmp_path))
    with pytest.raises(MitofmError, match=r"unknown key 'split\.domain'"):
        read_command_line("train", ["split.domain=c"], None)
