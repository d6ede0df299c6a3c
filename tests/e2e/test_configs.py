"""Every YAML that ships is composed and fitted for a step with a tiny random ViT."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from mitofm import cli
from mitofm.commands.composing.command_line import read_command_line
from mitofm.commands.composing.compose import compose, list_group
from mitofm.commands.composing.grids import resolve_grid
from mitofm.ground.config import conf_dir, experiments_dir, instantiate
from mitofm.ground.errors import MitofmError
from mitofm.runs.execute import check, run
from mitofm.runs.folder import State
from mitofm.runs.resolve import resolve

NEEDS = {
    "split=single_domain": ["split.domain=canine lymphoma"],
    "split=leave_one_out": ["split.domain=canine lymphoma"],
    "split=external": ["split.train_on=[synthetic]", "split.test_on=[other]"],
    "split=one_sided_leak": ["split.domain=canine lymphoma"],
    "split=domain_count": ["split.domain=canine lymphoma", "split.count=1"],
    "split=external_folds": ["split.train_on=[synthetic]", "split.test_on=[other]"],
    "protocol/confounders=annotation_split": ["split=kfold"],
    "protocol/confounders=annotation_per_mode": ["split=annotation"],
    "protocol/confounders=test_sets_per_mode": ["split=kfold"],
    "protocol/confounders=one_sided_leak": ["split=single_domain", "split.domain=canine lymphoma"],
    "protocol=released_code": ["protocol.confounders.background.distance_px=16"],  # small, crowded images
    "protocol/confounders=background": ["protocol.confounders.background.distance_px=16"],
    "protocol/confounders=registers": ["+backbone.kwargs.reg_tokens=2", "backbone.prefix_tokens=3"],
    "protocol/confounders=field_of_view": ["backbone=vit_tiny", "backbone.weights=random", "backbone.img_size=32"],
    "backbone=custom": ["backbone.architecture=vit_tiny_patch16_224", "++backbone.kwargs.img_size=32"],
}
FITTED = ["adaptation", "augment", "fit", "protocol", "protocol/confounders", "split", "debug", "trainer", "logger", "paths",
          "backbone"]  # fmt: skip
# A backbone is fitted with all it is made of, narrow and one block deep: what its constructor takes depends on its kind.
NARROW = {
    "vit": ["++backbone.kwargs.depth=1", "++backbone.kwargs.embed_dim=48", "++backbone.kwargs.num_heads=3",
            "backbone.depth=1", "backbone.embed_dim=48"],
    "swin": ["++backbone.kwargs.depths=[1,1]", "++backbone.kwargs.embed_dim=24", "++backbone.kwargs.num_heads=[1,2]",
             "backbone.depth=2", "backbone.embed_dim=48"],
    "resnet": ["++backbone.kwargs.layers=[1,1,1,1]"],
    "convnext": ["++backbone.kwargs.depths=[1,1,1,1]", "++backbone.kwargs.dims=[8,16,24,32]", "backbone.embed_dim=32"],
    "tf": ["++backbone.kwargs.channel_multiplier=0.1", "++backbone.kwargs.depth_multiplier=0.1"],
}  # fmt: skip
NARROW["deit"] = NARROW["vit"]
NARROW["channelwise"] = [*NARROW["vit"][:-1], "backbone.embed_dim=144"]  # of three colours
STUDIES = sorted(path.parent.name for path in experiments_dir().glob("*/sweep.yaml"))
# Frozen modes choose and fit all they have: less of it is enough to see that they run.
SLOW = {
    "adaptation=linear_probe": ["adaptation.folds=2"],
    "adaptation=mlp_probe": ["adaptation.folds=2", "adaptation.steps=5"],
    "adaptation=attentive_probe": ["adaptation.folds=2", "adaptation.steps=5"],
}
# tests/data/test_splits_*.py and tests/training/test_ranks.py run them.
OWN_TEST = {"split=authors", "split=external", "split=external_folds", "split=file", "trainer=ddp"}


def refuse(capsys: Any) -> str:
    """The one line with which the command in `sys.argv` is refused."""
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert said.count("\n") == 1
    return said


@pytest.mark.parametrize(
    "choice", [f"{group}={name}" for group in FITTED for name in list_group(group) if f"{group}={name}" not in OWN_TEST]
)
def test_every_choice_fits_one_step(small: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, choice: str) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")
    tiny = ["backbone=toy_vit_p16", "adaptation=full", "fit.min_steps=1", "fit.max_steps=1", "fit.max_epochs=1", "logger=none",
            "trainer.accelerator=cpu", "trainer.progress=false", "trainer.threads=1"]  # fmt: skip
    if choice.startswith("backbone"):
        tiny += ["backbone.weights=random", "backbone.img_size=32", *narrow(choice.partition("=")[2])]
    if choice in SLOW:
        tiny += SLOW[choice]
    kept = [one for one in tiny if one.split("=")[0] != choice.split("=")[0]]
    assert run(small(*kept, choice, *NEEDS.get(choice, []))) is State.DONE


def narrow(name: str) -> list[str]:
    architecture = "vit" if name == "custom" else OmegaConf.load(list_group("backbone")[name]).architecture
    return NARROW.get(architecture.partition("_")[0].rstrip("0123456789"), [])


@pytest.mark.parametrize("name", list_group("data"))
def test_every_data_set_composes(small: Callable[..., Any], name: str) -> None:
    del small
    config = compose("train", [f"data={name}", "backbone=toy_vit_p8"])
    check(resolve(config))


@pytest.mark.parametrize("study", STUDIES)
def test_every_study_composes_over_its_whole_grid(study: str) -> None:
    configs = list(resolve_grid(read_command_line("sweep", [], str(experiments_dir() / study))))
    for config in configs:
        check(config)
    assert len(configs) > 3
    assert {config["study"] for config in configs} == {study}
    assert all(config["comparisons"] for config in configs if study != "demo")
    readme = (experiments_dir() / study / "README.md").read_text()
    assert f"make {study.replace('_', '-')}" in readme
    assert f"\n{study.replace('_', '-')}:" in Path("Makefile").read_text()


def test_a_study_under_another_name_is_reported_under_that_name() -> None:
    told = ["make", "-n", "confounders", "DATA=ami", "ARGS=adaptation=lora study=leak_lora"]
    printed = subprocess.run(told, capture_output=True, text=True, check=True).stdout
    assert "mitofm report study=leak_lora\n" in printed
    assert "study=confounders" not in printed


def test_every_yaml_opens_with_what_it_is_and_a_command() -> None:
    for file in [*conf_dir().rglob("*.yaml"), *experiments_dir().rglob("*.yaml")]:
        lines = [line for line in file.read_text().splitlines() if not line.startswith("# @package")][:6]
        assert lines[0].startswith("# "), file
        if file.parent.name != "debug" and file != Path("none.yaml"):
            assert any("mitofm " in line or "make " in line for line in lines), file


def test_an_override_that_a_yaml_gets_wrong_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "protocol").mkdir()
    (tmp_path / "protocol" / "mine.yaml").write_text("defaults: [honest, override /split: annotation]\n")
    monkeypatch.setenv("MITOFM_CONF", str(tmp_path))
    with pytest.raises(MitofmError, match=r"In 'protocol/mine': Could not override 'split@protocol.split'"):
        compose("train", ["protocol=mine"])


BROKEN = [
    (
        b"name: x\n\tpatch: 1\n",
        r"line 2, column 1: this YAML cannot be read: found character '\\t'.*\(indent with blanks",
    ),
    (b"name: x\nname: y\n", "line 2, column 1: this YAML cannot be read: found duplicate key"),
    (b"- name\n- x\n", "line 1, column 1: this YAML holds no keys"),
    (
        b'name: x\nlicence: "${oops"\n',
        r"line 2, column 10: this value cannot be read: no viable alternative at input '\$\{oops'",
    ),
    ("name: x\n".encode("utf-16"), "line 1, column 1: this YAML is saved as UTF-16"),
    ("name: x\n# Größe\n".encode("cp1252"), "line 2, column 5: this YAML is not saved as UTF-8"),
    (b"name: a\x00b\n", r"line 1, column 8: this is no YAML: it holds the character '\\x00'"),
]


@pytest.mark.parametrize(
    ("command", "group", "content", "message"),
    [("train backbone=x", "backbone", *one) for one in BROKEN]
    + [
        (command, group, *BROKEN[one])
        for command, group in (("models", "backbone"), ("datasets", "data"))
        for one in (0, 4)
    ],
)
def test_a_broken_yaml_of_ones_own_is_one_line_with_file_and_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, command: str, group: str, content: bytes, message: str
) -> None:
    (tmp_path / group).mkdir()
    (tmp_path / group / "x.yaml").write_bytes(content)
    monkeypatch.setenv("MITOFM_CONF", str(tmp_path))
    if command != "train backbone=x":  # the shipped ones take seconds
        one = {"x": tmp_path / group / "x.yaml"}
        for module in ("showing.listing", command):
            monkeypatch.setattr(f"mitofm.commands.{module}.list_group", lambda group: one)
    monkeypatch.setattr("sys.argv", ["mitofm", *command.split()])
    said = refuse(capsys)
    assert re.match(rf"mitofm: {re.escape(str(tmp_path / group / 'x.yaml'))}(, |: ).*{message}", said)


def test_a_broken_yaml_stands_in_the_way_of_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "backbone").mkdir()
    (tmp_path / "backbone" / "x.yaml").write_bytes(BROKEN[0][0])
    monkeypatch.setenv("MITOFM_CONF", str(tmp_path))
    assert compose("train", ["backbone=uni"])["backbone"]["name"] == "uni"


@pytest.mark.parametrize(("command", "group"), [("models", "backbone"), ("datasets", "data")])
def test_yamls_that_are_wrong_hide_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, command: str, group: str
) -> None:
    own = tmp_path / group
    own.mkdir()
    (own / "x.yaml").write_bytes(BROKEN[0][0])
    (own / "bare.yaml").write_text("name: bare\n")
    (own / "late.yml").write_text("name: late\n")
    monkeypatch.setenv("MITOFM_CONF", str(tmp_path))
    some = {"backbone": ("nano", "uni", "x", "bare"), "data": ("ami", "synthetic", "x", "bare")}[
        group
    ]  # all take seconds
    monkeypatch.setattr(
        "mitofm.commands.showing.listing.list_group", lambda group: {one: list_group(group)[one] for one in some}
    )
    monkeypatch.setattr("sys.argv", ["mitofm", command])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    out, err = capsys.readouterr()
    assert ended.value.code == 2
    assert all(re.search(rf"(?m)^{one} ", out) for one in some[:2])
    late, broken, bare = err.splitlines()
    assert (
        late
        == f"mitofm: {own / 'late.yml'} is not read: Hydra takes YAMLs that end in .yaml alone. Rename it to late.yaml"
    )
    assert broken.startswith(f"mitofm: {own / 'x.yaml'}, line 2, column 1: ")
    assert bare.startswith(f"mitofm: {own / 'bare.yaml'}: ")


@pytest.mark.parametrize(
    "words", ["train backbone=late", "models late", "train --config-dir study --config-name sweep"]
)
def test_a_yml_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, words: str) -> None:
    for folder, name in (("backbone", "late"), ("study", "sweep")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{name}.yml").write_text("name: late\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MITOFM_CONF", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["mitofm", *words.split()])
    assert ".yml is not read: Hydra takes YAMLs that end in .yaml alone" in refuse(capsys)


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (
            "data.source.columns={x: x,foo: F}",
            r"unknown key 'data\.source\.columns\.foo'.*data\.source\.columns\.species",
        ),
        ("data.source={columns: {foo: F}}", r"unknown key 'data\.source\.columns\.foo'"),
        ("data.source.columns.foo=F", r"unknown key 'data\.source\.columns\.foo'"),
        (
            "data.source={foo: F}",
            r"unknown key 'data\.source\.foo' in this config\.( Did|$| There).*data\.source\.file",
        ),
    ],
)
def test_the_key_inside_a_map_is_named(typed: str, message: str) -> None:
    with pytest.raises(MitofmError, match=message):
        compose("prepare", ["data=own_csv", typed])


def test_a_map_over_a_list_is_refused_with_the_way_to_replace_it() -> None:
    given = "data.source.domains={a.svs: lung}"
    with pytest.raises(MitofmError, match=r"data\.source\.domains is a list in this config, and a map was given"):
        compose("prepare", ["data=midogpp", given])
    replaced = compose("prepare", ["data=midogpp", "~data.source.domains", f"+{given}"])
    assert dict(replaced.data.source.domains) == {"a.svs": "lung"}


def test_a_key_after_a_list_or_null_is_named_with_the_way_to_give_it() -> None:
    with pytest.raises(MitofmError, match=r"^data\.origin\.x: data\.origin is a list .*'data\.origin=\[\.\.\.\]'$"):
        compose("train", ["seed=1", "data.origin.x=1", "fraction=0.1"])
    with pytest.raises(MitofmError, match=r"^comparisons is null .*'comparisons=\{x: \.\.\.\}'$"):
        compose("train", ["comparisons.x=1"])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("columns", "{x: x,species: Species}"),
        ("domains", "lung"),
        ("domains", "{a.svs: lung, b*: {domain: skin, scanner: XR}}"),
        ("domains", "[{domain: lung}]"),
        ("ignored", "others"),
        ("ignored", "[2]"),
        ("unit", "um"),
        ("image_mpp", "0.25"),
        ("file", "[a.geojson,b.geojson]"),
        ("file", "*.geojson"),
        ("columns.votes", "[e1,e2]"),
        ("vote_words", "[MF]"),
    ],
)
def test_every_key_of_own_csv_is_an_ordinary_one(key: str, value: str) -> None:
    config = resolve(compose("train", ["data=own_csv", f"data.source.{key}={value}"]))
    assert instantiate(config["data"]["source"]).name == "own_csv"


@pytest.mark.parametrize("command", ["train", "train -m", "plan"])
@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("fraction=50%", "fraction=50%: give a number"),
        ("fraction=true", "fraction=true: give a number"),
        ("fit.focal_gamma=abc", "fit.focal_gamma=abc: give a number from 0 to 10"),
        ("data.crop_px=64.5", "data.crop_px=64.5: give a whole number of at least 1"),
        ("data.mpp=nan", "data.mpp=NaN: give a number above 0, or null"),
        ("+fit.nosuch=1", "unknown key 'fit.nosuch'"),
        ("paths.runs=5", "paths.runs=5: give a path"),
        ("adaptation.nosuch=1 adaptation=lora", "unknown key 'adaptation.nosuch'"),
        ("adaptation=peft adaptation.method=nosuch", "unknown adaptation.method 'nosuch'"),
        ("adaptation=lora +adaptation.init_lora_weights=eva", "adaptation.init_lora_weights=eva is refused"),
        ("+adaptation.views=8", "; Either remove + prefix"),
    ],
)
def test_a_wrong_setting_is_one_line_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, command: str, typed: str, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["mitofm", *command.split(), *typed.split()])
    said = refuse(capsys)
    assert told in said
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("bundle mine note=5", "note=5: give text. A number is text in two quotes"),
        ("clean yes=maybe", "yes=maybe: give true or false"),
        ("compare one another out=5", "out=5: give a path, or null"),
        ("dashboard study=mine dry_run=2", "dry_run=2: give true or false"),
        ("doctor seed=-1", "seed=-1: give a whole number of at least 0"),
        ("export cell patches=2", "patches=2: give a whole number of at least 3"),
        ("predict cell data=synthetic trainer.threads=0", "trainer.threads=0: give a whole number of at least 1"),
        ("prepare distance_um=nan", "distance_um=NaN: give a number of at least 0"),
        ("pretrain crops=0", "crops=0: give a whole number of at least 1"),
        ("report crops=some", "crops=some: give true or false"),
        ("report prevalence=1", "prevalence=1: give a number above 0 and below 1, or a list"),
        ("report prevalence=[0.1,2]", "prevalence=[0.1, 2]: give a number above 0 and below 1, or a list"),
        ("report bundle=stored.zip prevalence=0.2", "those that it was packed with, leave prevalence out"),
        ("retry mine paths.runs=5", "paths.runs=5: give a path"),
        ("status watch=-1", "watch=-1: give a number above 0, or null"),
        ("verify cell versions=no", "unknown versions 'no'. There is: check, ignore"),
    ],
)
def test_a_wrong_setting_of_any_command_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, typed: str, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["mitofm", *typed.split()])
    said = refuse(capsys)
    assert told in said
