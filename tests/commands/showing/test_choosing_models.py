"""Conditions of `mitofm models`, on the shipped YAMLs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mitofm.backbones.spec import BackboneSpec
from mitofm.commands import models
from mitofm.commands.composing.compose import list_group
from mitofm.commands.showing.choosing_models import read_conditions
from mitofm.ground.errors import MitofmError


@pytest.fixture(scope="module")
def specs() -> dict[str, BackboneSpec]:
    return {name: models._read_spec(name, file) for name, file in list_group("backbone").items()}


@pytest.fixture
def choose(specs: dict[str, BackboneSpec]) -> Callable[..., set[str]]:
    def chosen(*words: str) -> set[str]:
        conditions = read_conditions(words)
        return {name for name, spec in specs.items() if all(meets(spec) for meets in conditions)}

    return chosen


def test_all_conditions_hold_of_what_is_chosen(specs: dict[str, BackboneSpec], choose: Callable[..., set[str]]) -> None:
    head_start = choose("gated=false", "commercial=true", "dim=..1024")
    assert head_start == {
        name
        for name, spec in specs.items()
        if spec.gated is False and spec.commercial is True and spec.embed_dim and spec.embed_dim <= 1024
    }
    assert {"keep", "dinov2_s", "nano"} <= head_start
    assert not {"uni", "h_optimus_0", "openpath", "kaiko_s8", "distillpath_ks16_hopt0"} & head_start


def test_a_range_has_the_same_meaning_in_quotes(choose: Callable[..., set[str]]) -> None:
    assert choose("dim=..1024") == choose("dim<=1024") == choose("embed_dim=0..1024")
    assert choose("dim=384..") == choose("dim>=384")
    assert "uni" in choose("dim=1024..1024")
    assert "uni" not in choose("dim=..1023")
    assert "custom" not in choose("dim=0..")  # which states none


def test_text_lists_and_what_is_not_stated(choose: Callable[..., set[str]]) -> None:
    assert choose("licence=MIT") == {"keep", "midnight", "swin_b"}
    assert "phikon_v2" in choose("pretraining=CPTAC", "mpp=0.5")
    assert "uni" not in choose("pretraining=CPTAC")
    assert "distillpath_ks16_uni2h" in choose("commercial=null")
    assert choose("lora_alpha=16") == {"crisp"}
    assert choose("depth=1") == choose("depth=1..1")  # 1 is not true
    assert not choose("gated=1")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ["dim"],
            r"models dim: write dim=VALUE or a range, dim=\.\.1024; without quotes a shell takes < and > for files",
        ),
        (["dim="], "write dim=VALUE"),
        (["dimm=3"], r"unknown key 'dimm' in a backbone\. Did you mean 'dim'\?"),
        (["dim=a..b"], r"'a' is no number; a range is 384\.\.1024, \.\.1024 or 384\.\."),
        (["uni", "gated=false"], "takes one name, or conditions"),
        (["gated=false", "dim=..3"], r"no backbone has gated=false dim=\.\.3"),
        (["uni", "gpfm"], "takes one name, or none"),
    ],
)
def test_a_condition_that_cannot_be_is_one_line(words: list[str], says: str) -> None:
    with pytest.raises(MitofmError, match=says) as caught:
        models.main(words)
    assert "\n" not in str(caught.value)


def test_the_table_has_the_chosen_alone_with_whole_names(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MITOFM_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "80")
    models.main(["family=vit_small", "licence=null"])
    lines: list[Any] = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines[1:]} == {
        f"distillpath_{student}_{teacher}" for student in ("is16", "ks16") for teacher in ("hopt0", "uni2h", "virchow2")
    }
