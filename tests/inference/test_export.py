"""Exported networks give the checkpoint's logits in other hands; what cannot be the same, or may not leave, is refused."""

import importlib.util
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

import mitofm
from mitofm.adaptation.gradient import GradientAdaptation
from mitofm.backbones.build import build
from mitofm.backbones.spec import BackboneSpec
from mitofm.backbones.weights import Weights
from mitofm.ground.config import instantiate
from mitofm.ground.errors import MitofmError
from mitofm.inference.export import check_licence
from mitofm.inference.network import fold

Typed = Callable[..., tuple[str, str]]
Resolved = Callable[..., dict[str, Any]]


def images(home: Path, samples: pd.Series, said: dict[str, Any]) -> Tensor:
    """What `model.json` says to do with the patches of these samples."""
    store = next((home / "cache" / "patches").glob("synthetic-64+0px-*"))
    table = pd.read_parquet(store / "table.parquet")
    patches = np.load(store / "patches.npy")[pd.Index(table["sample_id"]).get_indexer(samples)]
    assert said["resize_to"] == [patches.shape[1]] * 2
    return (torch.from_numpy(patches).permute(0, 3, 1, 2) / 255 - torch.tensor(said["mean"]).view(3, 1, 1)) / (
        torch.tensor(said["std"]).view(3, 1, 1)
    )


def read_unpacked(file: Path) -> bytes:
    """The bytes of a file, and of what is in it if it is an archive."""
    if not zipfile.is_zipfile(file):
        return file.read_bytes()
    with zipfile.ZipFile(file) as archive:
        return b"".join(archive.read(entry) for entry in archive.infolist())


def names_no_source(file: Path) -> bool:
    """Whether a file is without the folders of the code that made it."""
    content = read_unpacked(file)
    return not any(str(Path(package.__file__).parent).encode() in content for package in (torch, mitofm))


def test_folded_lora_is_timms_own_network(typed: Typed, tried: Path, home: Path, tmp_path: Path) -> None:
    said, _ = typed("export", "lora", "format=safetensors", f"output={tmp_path}/net")
    assert "nothing of the adaptation left beside it" in said
    assert "(tolerance 0.0001)" in said
    facts = json.loads((tmp_path / "net" / "model.json").read_text())
    import timm  # after mitofm, whose shim it may need

    network = facts["network"]
    trunk = timm.create_model(network["timm"], num_classes=0, **network["kwargs"]).eval()
    state = load_file(tmp_path / "net" / "model.safetensors")
    trunk.load_state_dict({name[6:]: value for name, value in state.items() if name.startswith("trunk.")})
    predictions = pd.read_parquet(next(tried.glob("*-lora-*")) / "predictions.parquet")
    with torch.inference_mode():
        tokens = trunk.forward_features(images(home, predictions["sample_id"], facts["input"]))
        embedding = torch.cat([tokens[:, 0], tokens[:, network["prefix_tokens"] :].mean(1)], 1)
        logits = embedding @ state["head.weight"][0] + state["head.bias"]
    assert network["embedding"] == "cls_mean"
    np.testing.assert_allclose(logits.numpy(), predictions["logit"], atol=1e-4)
    assert facts["threshold"] == json.loads(next(tried.glob("*-lora-*/metrics.json")).read_text())["threshold"]


def test_what_cannot_be_folded_is_traced_as_it_is(typed: Typed, tried: Path, home: Path, tmp_path: Path) -> None:
    said, _ = typed("export", "prompt", "format=torchscript", f"output={tmp_path}/net")
    assert "cannot be folded in: as it is" in said
    predictions = pd.read_parquet(next(tried.glob("*-prompt-*")) / "predictions.parquet").iloc[:5]
    facts = json.loads((tmp_path / "net" / "model.json").read_text())
    logits = torch.jit.load(tmp_path / "net" / "model.pt")(images(home, predictions["sample_id"], facts["input"]))
    np.testing.assert_allclose(logits.numpy(), predictions["logit"], atol=1e-4)
    assert names_no_source(tmp_path / "net" / "model.pt")


def test_onnx_runs_elsewhere(typed: Typed, tried: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript", reason="the extra onnx is not installed")
    said, _ = typed("export", "linear_probe", "format=onnx", f"output={tmp_path}/net")
    assert "largest difference" in said
    assert names_no_source(tmp_path / "net" / "model.onnx")


def test_nothing_is_written_where_outputs_differ_or_something_is_missing(
    typed: Typed, tried: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(*words: str) -> str:
        with pytest.raises(SystemExit):
            typed("export", "lora", *words)
        return capsys.readouterr().err

    assert "unknown format 'onxn'" in refused("format=onxn")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "pip install 'mitofm[onnx]'" in refused("format=onnx")
    monkeypatch.undo()
    monkeypatch.setenv("MITOFM_RUNS", str(tried.parent))
    monkeypatch.setenv("MITOFM_CACHE", str(tried.parent.parent / "cache"))
    out = tmp_path / "made" / "net"
    monkeypatch.setattr("mitofm.inference.export.fold", lambda classifier: classifier.head.bias.data.add_(1))
    assert "differ from the checkpoint's by up to 1, more than 0.0001" in refused(f"output={out}")
    assert list(out.parent.iterdir()) == []
    out.mkdir()
    assert f"{out} exists" in refused(f"output={out}")


@pytest.mark.parametrize("mode", ["lora", "dora", "peft", "peft adaptation.method=oft", "peft adaptation.method=ia3"])
def test_folding_changes_no_output(resolved: Resolved, mode: str) -> None:
    more = ["+adaptation.oft_block_size=16"] if "oft" in mode else []
    more += ["+adaptation.feedforward_modules=[]"] if "ia3" in mode else []
    config = resolved(*f"adaptation={mode}".split(), "backbone=toy_vit_p16", *more)
    backbone = build(BackboneSpec.from_config(config["backbone"]), Weights(None, "random"), 0)
    adaptation = instantiate(config["adaptation"])
    assert isinstance(adaptation, GradientAdaptation)
    classifier = adaptation.adapt(backbone, 0).eval()
    generator = torch.Generator().manual_seed(1)
    patches = torch.randint(0, 256, (4, 64, 64, 3), dtype=torch.uint8, generator=generator)
    with torch.no_grad():
        untouched = classifier(patches)
        for name, parameter in classifier.backbone.named_parameters():
            if parameter.requires_grad:
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
                assert ".base_layer." not in name
        adapted = classifier(patches)
        fold(classifier)
        folded = classifier(patches)
    assert (adapted - untouched).abs().max() > 1e-3
    torch.testing.assert_close(folded, adapted, atol=1e-4, rtol=1e-4)
    assert {name for name, _ in classifier.named_modules() if "lora" in name or "base_layer" in name} == set()


def test_a_licence_that_forbids_passing_on_is_said_and_kept(resolved: Resolved) -> None:
    def spec(name: str, **more: Any) -> BackboneSpec:
        return BackboneSpec.from_config({**resolved(f"backbone={name}")["backbone"], **more})

    with pytest.raises(MitofmError, match=r"CC-BY-NC-ND.*for_own_use=true"):
        check_licence(spec("uni"), for_own_use=False)
    assert "it may not be passed on; no commercial use" in check_licence(spec("uni"), for_own_use=True)
    assert check_licence(spec("uni", weights="random"), for_own_use=False) == ""
    assert check_licence(spec("deit_tiny"), for_own_use=False) == ""
    assert "is open" in check_licence(spec("deit_tiny", redistribute_adapters=None), for_own_use=False)
