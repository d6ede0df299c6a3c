"""What is kept of a command is found again, and not found once anything that it depends on has changed."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from mitofm.commands.composing.recalling import keep_command, keep_configs, name_cells, recall_command, recall_configs
from mitofm.ground import context

CELLS = [["seed=1", "fraction=0.5"], ["seed=2", "fraction=0.5"]]
CONFIGS = [{"seed": seed, "fit": {"lr": 1e-3, "steps": None}, "fraction": 0.5} for seed in (1, 2)]


def name(config_dir: str | None = None, *more: str) -> str | None:
    return name_cells("train", config_dir, [*CELLS, list(more)])


def test_configs_are_given_back_with_shared_parts(tmp_path: Path) -> None:
    keep_configs(tmp_path, "a" * 64, CONFIGS)
    found = recall_configs(tmp_path, "a" * 64)
    assert repr(found) == repr(CONFIGS)
    assert found is not None
    assert found[0]["fit"] is found[1]["fit"]
    assert recall_configs(tmp_path, "b" * 64) is None


def test_what_json_would_change_is_not_kept(tmp_path: Path) -> None:
    keep_configs(tmp_path, "a" * 64, [{"fit": {1: "one"}}])
    keep_configs(tmp_path, "a" * 64, [{"fit": float("nan")}])
    assert not list(tmp_path.iterdir())


def test_a_damaged_file_is_not_believed(tmp_path: Path) -> None:
    keep_configs(tmp_path, "a" * 64, CONFIGS)
    (file,) = tmp_path.rglob("*.json")
    content = json.loads(file.read_text())
    content["kept"]["parts"][0] = "7"
    file.write_text(json.dumps(content))
    assert recall_configs(tmp_path, "a" * 64) is None


def test_an_edit_of_a_yaml_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "backbone" / "own.yaml"
    file.parent.mkdir()
    seen = {name(), name(str(tmp_path))}
    for text in ("name: own\n", "name: own # again\n"):
        file.write_text(text)
        seen.add(name(str(tmp_path)))
        monkeypatch.setenv("MITOFM_CONF", str(tmp_path))
        seen.add(name())
        monkeypatch.delenv("MITOFM_CONF")
    assert len(seen - {None}) == 6


def test_an_environment_variable_that_a_yaml_reads_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {name()}
    for variable in ("MITOFM_DATA", "MITOFM_RUNS", "MITOFM_CACHE", "MITOFM_WEIGHTS"):
        monkeypatch.setenv(variable, str(tmp_path))
        seen.add(name())
    assert len(seen) == 5
    monkeypatch.setenv("READ_BY_NOBODY", "x")
    assert name() in seen
    typed = name(None, "study='${oc.env:READ_BY_NOBODY}'")
    monkeypatch.setenv("READ_BY_NOBODY", "y")
    assert typed != name(None, "study='${oc.env:READ_BY_NOBODY}'")


@pytest.mark.parametrize("text", ["${now:%Y}", "${oc.env:${which}}", "${hydra:job.name}", "${${which}:1}", "${own:1}"])
def test_what_may_mean_something_else_next_time_is_not_kept(text: str) -> None:
    assert name(None, f"study='{text}'") is None


def test_a_line_of_code_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "mitofm"
    shutil.copytree(context._PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__", "*.safetensors"))
    context._of_package.cache_clear()
    monkeypatch.setattr(context, "_PACKAGE", package)
    before = context.of_code()
    with (package / "runs" / "keys.py").open("a") as code:
        code.write("MORE = 1\n")
    context._of_package.cache_clear()
    assert context.of_code() != before
    monkeypatch.undo()
    context._of_package.cache_clear()


def test_a_library_of_another_version_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    context._of_package.cache_clear()
    before = context.of_code()
    context._of_package.cache_clear()
    monkeypatch.setattr(context.metadata, "version", lambda name: f"0 of {name}")
    assert context.of_code() != before
    context._of_package.cache_clear()


def test_a_folder_of_many_yamls_is_not_read(tmp_path: Path) -> None:
    for number in range(context._MOST_FILES + 1):
        (tmp_path / f"{number}.yaml").touch()
    assert name(str(tmp_path)) is None


def test_a_command_is_looked_for_where_its_words_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MITOFM_CACHE", str(tmp_path / "cache"))
    config = {"seed": 1, "paths": {"cache": str(tmp_path / "cache")}}
    keep_command(["seed=1"], config, {"seed": "1"})
    assert recall_command(["seed=1"]) == (config, {"seed": "1"})
    assert recall_command(["seed=2"]) is None
    assert recall_command(["seed=1", "--help"]) is None
    assert recall_command(["seed=1", f"paths.cache={tmp_path}"]) is None
    keep_command(["seed=3"], config | {"paths": {"cache": "elsewhere"}}, {})  # a YAML says so
    assert recall_command(["seed=3"]) is None
    assert not os.path.lexists("elsewhere")
