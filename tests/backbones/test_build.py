from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from mitofm.backbones.build import build
from mitofm.backbones.recipes import RECIPES
from mitofm.backbones.spec import BackboneSpec
from mitofm.backbones.weights import Weights, find
from mitofm.commands.composing import groups
from mitofm.errors import MitofmError
from mitofm.fingerprints import Remembered

RANDOM = Weights(None, "random")


def spec_of(resolved: Callable[..., dict[str, Any]], name: str, *overrides: str) -> BackboneSpec:
    return BackboneSpec.from_config(resolved(f"backbone={name}", "backbone.weights=random", *overrides)["backbone"])


@pytest.mark.parametrize("name", groups("backbone"))
def test_every_backbone_is_what_its_yaml_states(resolved: Callable[..., dict[str, Any]], name: str) -> None:
    spec = spec_of(resolved, name)
    backbone = build(spec, RANDOM, seed=0)
    assert sum(parameter.numel() for parameter in backbone.parameters()) == spec.parameters
    with torch.inference_mode():
        assert backbone.eval()(torch.zeros(1, 40, 40, 3, dtype=torch.uint8)).shape == (1, backbone.embedding_dim)


def test_random_weights_follow_the_seed(resolved: Callable[..., dict[str, Any]]) -> None:
    spec = spec_of(resolved, "toy_vit_p16")
    first, again, other = (build(spec, RANDOM, seed).trunk.pos_embed for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_prefix_tokens_stay_out_of_the_patch_mean() -> None:
    tokens = torch.ones(2, 9, 4)
    tokens[:, :5] = 1e6
    assert torch.equal(RECIPES["mean"].apply(tokens, 5), torch.ones(2, 4))
    assert torch.equal(RECIPES["cls_mean"].apply(tokens, 5)[:, 4:], torch.ones(2, 4))


def test_the_transform_is_what_an_image_library_gives(resolved: Callable[..., dict[str, Any]]) -> None:
    spec = spec_of(resolved, "toy_vit_p8")
    patch = np.random.default_rng(0).integers(0, 256, (100, 100, 3), dtype=np.uint8)
    ours = build(spec, RANDOM, 0).transform(torch.from_numpy(patch)[None])[0]
    theirs = np.asarray(Image.fromarray(patch).resize((64, 64), Image.Resampling.BICUBIC), dtype=np.float32)
    expected = (torch.from_numpy(theirs).permute(2, 0, 1) / 255 - 0.5) / 0.5
    assert (ours - expected).abs().max() <= 1.01 / 127.5  # one grey level


def test_wrong_recipe_architecture_and_width_are_refused(resolved: Callable[..., dict[str, Any]]) -> None:
    spec = spec_of(resolved, "toy_vit_p8")
    with pytest.raises(MitofmError, match=r"embedding 'pool'.*There is: cls, cls_mean, mean"):
        build(replace(spec, embedding="pool"), RANDOM, 0)
    with pytest.raises(MitofmError, match="unknown architecture 'vit_nope'"):
        build(replace(spec, architecture="vit_nope"), RANDOM, 0)
    with pytest.raises(MitofmError, match=r"states embed_dim=65, but timm's .* has 64"):
        build(replace(spec, embed_dim=65), RANDOM, 0)


def test_weights_load_strictly_and_only_data(resolved: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    spec = replace(spec_of(resolved, "toy_vit_p8"), weights="pretrained", file="w.safetensors")
    state = build(spec, RANDOM, seed=5).trunk.state_dict()
    save_file({**state, "head.weight": torch.zeros(7, 64), "head.bias": torch.zeros(7)}, tmp_path / "w.safetensors")
    weights = find(spec, tmp_path, Remembered(tmp_path / "cache"))
    assert torch.equal(build(spec, weights, seed=0).trunk.blocks[0].attn.qkv.weight, state["blocks.0.attn.qkv.weight"])

    state.pop("blocks.0.attn.qkv.weight")
    save_file(state, tmp_path / "short.safetensors")
    with pytest.raises(MitofmError, match=r"(?s)cannot load .*short.safetensors.*qkv"):
        build(spec, Weights(tmp_path / "short.safetensors", ""), 0)
    (tmp_path / "bad.safetensors").write_bytes(b"\x80\x04cos\nsystem\n")
    with pytest.raises(MitofmError, match=r"cannot load .*bad.safetensors"):
        build(spec, Weights(tmp_path / "bad.safetensors", ""), 0)


def test_missing_and_wrong_weights_name_the_way_out(resolved: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    spec = replace(spec_of(resolved, "mobilenetv2"), weights="pretrained")
    with pytest.raises(
        MitofmError, match=r"not on this machine: put mobilenetv2\S* into .*MITOFM_WEIGHTS.*weights=random"
    ):
        find(spec, tmp_path, Remembered(tmp_path / "cache"))
    (tmp_path / str(spec.file)).write_bytes(b"x")
    with pytest.raises(MitofmError, match="expected 00"):
        find(replace(spec, sha256="00"), tmp_path, Remembered(tmp_path / "cache"))


def test_real_weights_load(resolved: Callable[..., dict[str, Any]], real_data: Path, tmp_path: Path) -> None:
    """DeiT-tiny at 96 px ranks images: its embeddings differ between patches, and the file loads strictly."""
    spec = replace(spec_of(resolved, "deit_tiny", "backbone.img_size=96"), weights="pretrained")
    weights = find(spec, real_data / "weights", Remembered(tmp_path))
    backbone = build(spec, weights, 0).eval()
    with torch.inference_mode():
        embedded = backbone(torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8))
    assert embedded.shape == (2, 192)
    assert not torch.allclose(embedded[0], embedded[1])
