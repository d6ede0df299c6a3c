from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from mitofm.backbones.build import build
from mitofm.backbones.recipes import RECIPES
from mitofm.backbones.spec import BackboneSpec
from mitofm.backbones.weights import Weights
from mitofm.ground.errors import MitofmError

RANDOM = Weights(None, "random")


def spec_of(resolved: Callable[..., dict[str, Any]], name: str, *overrides: str) -> BackboneSpec:
    return BackboneSpec.from_config(resolved(f"backbone={name}", "backbone.weights=random", *overrides)["backbone"])


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
    with pytest.raises(MitofmError, match=r"embedding 'pool'.*There is: cls, cls_mean, cls_mean_with_registers, mean"):
        build(replace(spec, embedding="pool"), RANDOM, 0)
    with pytest.raises(MitofmError, match="unknown architecture 'vit_nope'"):
        build(replace(spec, architecture="vit_nope"), RANDOM, 0)
    with pytest.raises(MitofmError, match=r"states embed_dim=65, but timm's .* has 64"):
        build(replace(spec, embed_dim=65), RANDOM, 0)


def test_layers_are_named_not_evaluated(resolved: Callable[..., dict[str, Any]]) -> None:
    spec = spec_of(resolved, "toy_vit_p8")
    gated = build(replace(spec, kwargs=spec.kwargs | {"mlp_layer": "SwiGLUPacked", "act_layer": "SiLU"}), RANDOM, 0)
    assert isinstance(gated.trunk.blocks[0].mlp.act, torch.nn.SiLU)
    with pytest.raises(MitofmError, match=r"unknown layer 'os.system'.*ConvStem.*SwiGLUPacked"):
        build(replace(spec, kwargs=spec.kwargs | {"mlp_layer": "os.system"}), RANDOM, 0)


def test_custom_takes_its_numbers_from_what_is_built(resolved: Callable[..., dict[str, Any]]) -> None:
    narrow = "+backbone.kwargs={img_size:64,embed_dim:48,depth:1,num_heads:3,reg_tokens:2}"
    model = ["backbone.architecture=vit_tiny_patch16_224", "backbone.img_size=64", "backbone.embedding=cls_mean"]
    backbone = build(spec_of(resolved, "custom", *model, narrow), RANDOM, 0)
    assert (backbone.embedding_dim, backbone.prefix_tokens) == (96, 3)
    pooled = ["backbone.architecture=resnet18", "backbone.embedding=pool", "backbone.img_size=64"]
    assert build(spec_of(resolved, "custom", *pooled), RANDOM, 0).embedding_dim == 512
    classless = "+backbone.kwargs={img_size:64,embed_dim:48,depth:1,num_heads:3,class_token:false,global_pool:avg}"
    with pytest.raises(MitofmError, match=r"has no class token for backbone.embedding=cls_mean"):
        build(spec_of(resolved, "custom", *model, classless), RANDOM, 0)
    with pytest.raises(MitofmError, match=r"backbone.architecture is not set"):
        spec_of(resolved, "custom")
    with pytest.raises(MitofmError, match=r"takes 224 px: set that, or add \+backbone.kwargs.img_size=64"):
        build(spec_of(resolved, "custom", *model), RANDOM, 0)


def test_fp32_is_fp32_on_a_gpu_too() -> None:
    assert not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cuda.matmul.allow_tf32
