"""A checkpoint is read strictly: what does not fit is refused and named, and other versions are told."""

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

from mitofm.adaptation.gradient import GradientAdaptation
from mitofm.backbones.build import build
from mitofm.ground.fingerprints import Remembered
from mitofm.inference.trained import read

from .checkpoints import TISSUE, Typed, altered, edited, few_of, refused, retensored


def test_what_does_not_fit_is_refused_and_named(
    typed: Typed, tried: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = lambda folder: refused(typed, capsys, folder)  # noqa: E731

    folder = altered(tried, tmp_path / "missing")
    tensors = load_file(folder / "trained.safetensors")
    retensored(folder, {name: array for name, array in tensors.items() if name != "head.bias"})
    assert "head.bias" in said(folder)

    folder = altered(tried, tmp_path / "more")
    retensored(folder, tensors | {"trunk.norm.weight": np.ones(3, np.float32)})
    assert "trunk.norm.weight" in said(folder)

    folder = altered(tried, tmp_path / "shape")
    retensored(folder, tensors | {"head.weight": np.ones((1, 3), np.float32)})
    assert "head.weight" in said(folder)

    folder = altered(tried, tmp_path / "width", "linear_probe")
    retensored(folder, {"weight": np.ones(3), "bias": np.ones(1)})
    assert "width 3" in said(folder)

    folder = altered(tried, tmp_path / "byte")
    with (folder / "trained.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        last = file.read(1)
        file.seek(-1, 2)
        file.write(bytes([last[0] ^ 1]))
    assert "is not the file that checkpoint.json describes" in said(folder)

    folder = altered(tried, tmp_path / "seed")
    edited(folder, seed=7)  # random weights of another seed are another backbone
    assert "trained on another backbone than the 'toy_vit_p16' here: fingerprint" in said(folder)

    folder = altered(tried, tmp_path / "target")
    edited(folder, adaptation={"_target_": "mitofm.data.card.Card"})
    assert "Card" in said(folder)

    assert "no cell 'nowhere'" in said("nowhere")
    listed = tmp_path / "others.csv"
    listed.write_text("sample_id\nnot-there\n")
    assert "'not-there'" in refused(typed, capsys, "lora", f"samples={listed}")
    listed.write_text("sample_id\n")
    assert "this file lists no sample" in refused(typed, capsys, "lora", f"samples={listed}")


def test_another_version_than_it_was_trained_with_is_said_in_one_line(
    typed: Typed, tried: Path, tmp_path: Path
) -> None:
    folder = altered(tried, tmp_path / "sent")
    trained_with = json.loads((folder / "checkpoint.json").read_text())["versions"]
    assert {"torch", "timm", "opencv", "albumentations", "pillow", "imagecodecs", "openslide"} < trained_with.keys()
    few = few_of(tried, tmp_path)
    assert "when it was trained" not in typed("predict", folder, *TISSUE, few, f"output={tmp_path}/x.csv")[0]
    edited(folder, versions=trained_with | {"peft": "0.17.1"})
    said, _ = typed("predict", folder, *TISSUE, few, f"output={tmp_path}/x.csv")
    assert said.startswith(f"peft {version('peft')} here, 0.17.1 when it was trained\n")
    assert said.count("when it was trained") == 1

    facts = json.loads((folder / "checkpoint.json").read_text())
    del facts["versions"]  # as it was written before
    (folder / "checkpoint.json").write_text(json.dumps(facts))
    said, _ = typed("export", folder, *TISSUE[:4], f"output={tmp_path}/net")
    assert said.startswith(f"{folder} does not state the versions it was trained with\n")


def test_a_version_that_means_another_map_is_refused_before_a_patch_is_cut(
    typed: Typed, tried: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = altered(tried, tmp_path / "sent")
    adaptation = json.loads((folder / "checkpoint.json").read_text())["adaptation"]
    kept = {
        key: adaptation[key]
        for key in ("_target_", "targets", "last_blocks", "lr", "head_lr", "weight_decay", "search")
    }
    edited(folder, adaptation=kept | {"name": "oft", "method": "oft", "oft_block_size": 16})
    made = read(folder, tmp_path, Remembered(tmp_path / "fingerprints"), "check")
    assert isinstance(made.adaptation, GradientAdaptation)
    classifier = made.adaptation.adapt(build(made.spec, made.weights, made.facts["seed"]), made.facts["seed"])
    retensored(folder, {name: tensor.numpy() for name, tensor in made.adaptation.state(classifier).items()})
    edited(folder, versions={"peft": "0.17.1"})

    few = few_of(tried, tmp_path)
    said, _ = typed("predict", folder, *TISSUE, few, "versions=ignore", f"output={tmp_path}/x.csv")
    assert (
        f"peft {version('peft')} here, 0.17.1 when it was trained\noft is not the same before and since peft 0.18"
        in said
    )
    assert len(pd.read_csv(tmp_path / "x.csv")) == 2

    monkeypatch.setattr("mitofm.data.dataset.Dataset.store", lambda *_: pytest.fail("patches are cut"))
    told = refused(typed, capsys, folder, few)
    assert told.startswith(
        f"mitofm: {folder} was trained with peft 0.17.1, and peft {version('peft')} is installed; oft is not"
    )
    assert told.count("\n") == 1
    with pytest.raises(SystemExit) as ended:
        typed("export", folder, *TISSUE[:4], f"output={tmp_path}/net")
    assert ended.value.code not in (0, None)
    assert "versions=ignore" in capsys.readouterr().err
    assert "unknown versions 'no'" in refused(typed, capsys, folder, "versions=no")
    edited(folder, versions={"peft": "0\033[2J"})
    assert "checkpoint.json is damaged" in refused(typed, capsys, folder, "versions=ignore")


@pytest.mark.parametrize("logit", [None, "x", float("nan")])
def test_a_threshold_that_is_no_number_is_damage(
    typed: Typed, tried: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], logit: object
) -> None:
    folder = altered(tried, tmp_path / "sent")
    edited(folder, threshold={"value": 0.5, "logit": logit, "rule": "validation"})
    assert "checkpoint.json is damaged" in refused(typed, capsys, folder)
