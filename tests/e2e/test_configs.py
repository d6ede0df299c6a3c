"""Every YAML that ships is composed and fitted for a step with a tiny random ViT."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from mitofm.commands.composing import compose, grid, groups
from mitofm.config import conf_dir, experiments_dir
from mitofm.errors import MitofmError
from mitofm.runs.checks import check
from mitofm.runs.execute import run
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
STUDIES = sorted(path.parent.name for path in experiments_dir().glob("*/sweep.yaml"))
# Frozen modes choose and fit all they have: less of it is enough to see that they run.
SLOW = {
    "adaptation=linear_probe": ["adaptation.folds=2"],
    "adaptation=mlp_probe": ["adaptation.folds=2", "adaptation.steps=5"],
    "adaptation=attentive_probe": ["adaptation.folds=2", "adaptation.steps=5"],
}
# tests/data/test_splits_*.py and tests/training/test_ranks.py run them.
OWN_TEST = {"split=authors", "split=external", "split=external_folds", "split=file", "trainer=ddp"}


@pytest.mark.parametrize(
    "choice", [f"{group}={name}" for group in FITTED for name in groups(group) if f"{group}={name}" not in OWN_TEST]
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
    architecture = "vit" if name == "custom" else OmegaConf.load(groups("backbone")[name]).architecture
    return NARROW.get(architecture.partition("_")[0].rstrip("0123456789"), [])


@pytest.mark.parametrize("name", groups("data"))
def test_every_data_set_composes(small: Callable[..., Any], name: str) -> None:
    del small
    config = next(grid("train", [f"data={name}", "backbone=toy_vit_p8"], None))
    check(resolve(config))


@pytest.mark.parametrize("study", STUDIES)
def test_every_study_composes_over_its_whole_grid(study: str) -> None:
    configs = [resolve(config) for config in grid("sweep", [], str(experiments_dir() / study))]
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
