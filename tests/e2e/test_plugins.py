"""A package outside the repository adds an adaptation, a split and a source: the template of `docs/plugins.md`."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mitofm.commands.composing import recalling
from mitofm.commands.composing.compose import compose
from mitofm.ground.config import instantiate
from mitofm.ground.errors import MitofmError
from mitofm.runs.folder import read_config
from mitofm.runs.identity import identify
from mitofm.runs.resolve import resolve
from mitofm.training.settings import Settings

from ..conftest import QUICK, TISSUE

DOCS = Path(__file__).parents[2] / "docs" / "plugins.md"
NAME = "my_pathology"
PLAIN = ["backbone=toy_vit_p16", *TISSUE]
CHOICES = ["data=my_crops", "split=every_nth", "adaptation=nearest_mean", "backbone=toy_vit_p16", *QUICK]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as the docs have it, and crops: those of one class are darker."""
    folder = tmp_path_factory.mktemp("plugin")
    template = re.findall(r"\n`(my_pathology/[\w./]+)`\n\n```\w+\n(.*?)```\n", DOCS.read_text(), re.DOTALL)
    assert len(template) == 7
    for name, content in template:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    crops = folder / "data" / "my_crops"
    crops.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for slide in range(8):
        for number in range(12):
            kind, level = (("mitosis", 90), ("other", 130))[number % 2]
            pixels = rng.integers(level - 60, level + 60, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(crops / f"s{slide}_{kind}_{number}.png")
    return folder


@pytest.fixture
def allowed(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(place))
    monkeypatch.setenv("MITOFM_PLUGINS", NAME)
    return place


@pytest.fixture
def train(place: Path, typed: Callable[..., tuple[str, str]], monkeypatch: pytest.MonkeyPatch) -> Callable[[], Path]:
    """Trains the cell, or finds it; gives its folder."""
    for name in ("data", "runs", "cache"):
        monkeypatch.setenv(f"MITOFM_{name.upper()}", str(place / name))

    def run() -> Path:
        typed("train", *CHOICES)
        (done,) = place.glob("runs/cells/*/DONE")
        return done.parent

    return run


def forget() -> None:
    for name in [one for one in sys.modules if one.partition(".")[0] == NAME]:
        del sys.modules[name]


def test_its_classes_are_trained_with_and_named(allowed: Path, train: Callable[[], Path]) -> None:
    cell = train()
    assert cell.name.startswith("my_crops-toy_vit_p16-random-nearest_mean-every_nth-")
    assert json.loads((cell / "metrics.json").read_text())["sets"]["all"]["auroc"] > 0.9
    named = json.loads((cell / "environment.json").read_text())["plugins"]
    assert list(named) == [NAME]
    assert len(named[NAME]["sha256"]) == 64


def test_with_other_code_it_is_another_cell_and_cells_without_it_stay(allowed: Path, train: Callable[[], Path]) -> None:
    train()
    before, plain = (identify(Settings.read(resolve(compose("train", one)))).id for one in (CHOICES, PLAIN))
    kept = recalling.name_cells("train", None, [CHOICES])
    file = allowed / NAME / "nearest_mean.py"
    content = file.read_text()
    try:
        file.write_text(content + "# changed\n")
        after, still = (identify(Settings.read(resolve(compose("train", one)))).id for one in (CHOICES, PLAIN))
        assert recalling.name_cells("train", None, [CHOICES]) != kept
    finally:
        file.write_text(content)
    assert after != before
    assert still == plain


@pytest.mark.parametrize(
    ("command", "told"),
    [("train", "unknown adaptation 'nearest_mean'"), ("verify", "MITOFM_PLUGINS"), ("predict", "MITOFM_PLUGINS")],
)
def test_without_the_opt_in_it_is_refused_and_not_imported(
    allowed: Path,
    train: Callable[[], Path],
    typed: Callable[..., tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: Any,
    command: str,
    told: str,
) -> None:
    cell = train()
    forget()
    monkeypatch.delenv("MITOFM_PLUGINS")
    more = ["data=synthetic"] if command == "predict" else []
    with pytest.raises(SystemExit) as ended:
        typed(command, *(CHOICES[2:] if command == "train" else [cell.name, *more]))
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert told in said
    assert said.count("\n") == 1
    with pytest.raises(MitofmError, match="MITOFM_PLUGINS"):
        read_config(cell)
    assert NAME not in sys.modules


def test_what_it_only_imports_is_not_built(allowed: Path) -> None:
    (allowed / NAME / "careless.py").write_text("from subprocess import Popen\n\n\nclass Plain:\n    pass\n")
    for name in ("Popen", "Plain"):
        with pytest.raises(MitofmError, match="of a plug-in only classes that it derives itself"):
            instantiate({"_target_": f"{NAME}.careless.{name}"})
    (allowed / NAME / "careless.py").unlink()


def test_a_wrong_argument_of_its_class_is_told_by_its_key(allowed: Path) -> None:
    with pytest.raises(MitofmError, match=r"adaptation\.sharpness=-1: give a number above 0"):
        instantiate({"_target_": f"{NAME}.nearest_mean.NearestMean", "name": "x", "sharpness": -1}, "adaptation")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("no_such_package_here", "there is no such package"),
        ("a b", "is no name of a package"),
        ("mitofm", "is no name"),
        ("../x", "is no name"),
    ],
)
def test_a_wrong_opt_in_is_one_line(
    typed: Callable[..., tuple[str, str]], monkeypatch: pytest.MonkeyPatch, capsys: Any, given: str, told: str
) -> None:
    monkeypatch.setenv("MITOFM_PLUGINS", given)
    with pytest.raises(SystemExit) as ended:
        typed("status")
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert told in said
    assert said.count("\n") == 1
