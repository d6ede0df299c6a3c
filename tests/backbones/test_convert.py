"""Checkpoints in the hub's layouts, from a snapshot folder laid out as the hub's cache, against the models they come from."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

import mitofm.ground.torchvision_shim  # noqa: F401  before transformers imports torchvision
from mitofm.backbones.build import Backbone, build
from mitofm.backbones.spec import BackboneSpec
from mitofm.backbones.weights import find
from mitofm.ground.errors import MitofmError
from mitofm.ground.fingerprints import Remembered

transformers = pytest.importorskip("transformers")

TINY = {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 3, "image_size": 56, "patch_size": 14}
NARROW = {"img_size": 56, "patch_size": 14, "embed_dim": 48, "depth": 2, "num_heads": 3}
GATED = {"mlp_ratio": 2 * 128 / 48, "mlp_layer": "SwiGLUPacked", "act_layer": "SiLU"}  # 2 x 4 x 48 / 3, twice


def vit() -> nn.Module:
    config = transformers.ViTConfig(intermediate_size=192, **TINY)
    return transformers.ViTModel(config)  # with the pooling layer that no embedding uses


def dinov2(**kwargs: Any) -> nn.Module:
    return transformers.Dinov2Model(transformers.Dinov2Config(**TINY, **kwargs))


def dinov2_with_registers(**kwargs: Any) -> nn.Module:
    return transformers.Dinov2WithRegistersModel(transformers.Dinov2WithRegistersConfig(**TINY, **kwargs))


LAYOUTS = {
    "ViTModel": (vit, "vit_base_patch16_224", {"norm_layer": "LayerNorm_eps1e-12"}, 1),
    "Dinov2": (dinov2, "vit_base_patch14_dinov2", {}, 1),
    "Dinov2-SwiGLU": (lambda: dinov2(use_swiglu_ffn=True), "vit_base_patch14_dinov2", GATED, 1),
    "Dinov2-with-registers": (dinov2_with_registers, "vit_base_patch14_reg4_dinov2", {}, 5),
    "Dinov2-with-registers-SwiGLU": (
        lambda: dinov2_with_registers(use_swiglu_ffn=True),
        "vit_base_patch14_reg4_dinov2",
        GATED,
        5,
    ),
}


@pytest.fixture
def snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the hub's cache keeps the files of `owner/model`; no network behind it."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    repository = tmp_path / "hub" / "models--owner--model"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("0123abcd")
    folder = repository / "snapshots" / "0123abcd"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def from_hub(resolved: Callable[..., Any], snapshot: Path, tmp_path: Path) -> Callable[..., Backbone]:
    """Builds a backbone as a user's `backbone=custom backbone.hub=owner/model` would, from what lies in `snapshot`."""
    del snapshot

    def built(architecture: str, kwargs: dict[str, Any], **overrides: Any) -> Backbone:
        config = resolved("backbone=custom", f"backbone.architecture={architecture}", "backbone.hub=owner/model")
        own = {"kwargs": NARROW | kwargs, "img_size": NARROW["img_size"]}
        spec = BackboneSpec.from_config(config["backbone"] | own | overrides)
        return build(spec, find(spec, tmp_path / "none", Remembered(tmp_path / "cache")), seed=0).eval()

    return built


@pytest.mark.parametrize("layout", LAYOUTS)
def test_hidden_states_are_those_of_transformers(
    from_hub: Callable[..., Backbone], snapshot: Path, layout: str
) -> None:
    make, architecture, kwargs, prefix = LAYOUTS[layout]
    torch.manual_seed(0)
    theirs = make().eval()
    for parameter in theirs.parameters():  # so that no part is zero or one
        nn.init.normal_(parameter, std=0.2)
    theirs.save_pretrained(snapshot)

    ours = from_hub(architecture, kwargs)
    assert ours.prefix_tokens == prefix
    images = torch.randn(2, 3, 56, 56)
    with torch.inference_mode():
        expected = theirs(images).last_hidden_state
        torch.testing.assert_close(ours.trunk.forward_features(images), expected, atol=1e-5, rtol=1e-5)
    assert expected.std() > 0.1


def test_position_embeddings_of_another_size_are_resampled(from_hub: Callable[..., Backbone], snapshot: Path) -> None:
    dinov2().save_pretrained(snapshot)
    native = from_hub("vit_base_patch14_dinov2", {}).trunk
    larger = from_hub("vit_base_patch14_dinov2", {"img_size": 112}, img_size=112).trunk
    assert native.pos_embed.shape == (1, 17, 48)
    assert larger.pos_embed.shape == (1, 65, 48)
    assert torch.equal(larger.pos_embed[:, 0], native.pos_embed[:, 0])  # the class token's stays
    assert torch.equal(larger.blocks[1].attn.qkv.weight, native.blocks[1].attn.qkv.weight)


def test_the_trunk_of_an_open_clip_model_is_found(from_hub: Callable[..., Backbone], snapshot: Path) -> None:
    dinov2().save_pretrained(snapshot)
    trunk = from_hub("vit_base_patch14_dinov2", {}).trunk
    whole = {f"visual.trunk.{key}": value for key, value in trunk.state_dict().items()}
    torch.save(
        {"state_dict": whole | {"text.weight": torch.ones(3), "logit_scale": torch.ones([])}}, snapshot / "m.bin"
    )
    found = from_hub("vit_base_patch14_dinov2", {}, hub_file="m.bin").trunk
    assert torch.equal(found.pos_embed, trunk.pos_embed)


def test_a_model_of_transformers_inside_a_wrapper_is_found(from_hub: Callable[..., Backbone], snapshot: Path) -> None:
    """As Phaet and Mascaret may be published: the wrapper's name is not stated."""
    dinov2().save_pretrained(snapshot)
    trunk = from_hub("vit_base_patch14_dinov2", {}).trunk
    wrapped = {f"encoder.model.{key}": value for key, value in load_file(snapshot / "model.safetensors").items()}
    save_file(wrapped | {"head.weight": torch.ones(3)}, snapshot / "model.safetensors")
    found = from_hub("vit_base_patch14_dinov2", {}).trunk
    assert torch.equal(found.blocks[1].attn.qkv.weight, trunk.blocks[1].attn.qkv.weight)


def test_dinov2s_own_names_and_positions_are_read(from_hub: Callable[..., Backbone], snapshot: Path) -> None:
    """As OpenMidnight is published: names of the original repository, the class token's position among the others."""
    dinov2_with_registers(use_swiglu_ffn=True).save_pretrained(snapshot)
    trunk = from_hub("vit_base_patch14_reg4_dinov2", GATED).trunk
    state = dict(trunk.state_dict())
    own = {key.replace("mlp.fc1", "mlp.w12").replace("mlp.fc2", "mlp.w3"): value for key, value in state.items()}
    own |= {"register_tokens": own.pop("reg_token"), "mask_token": torch.zeros(1, 48)}
    own["pos_embed"] = torch.cat([torch.ones(1, 1, 48), own["pos_embed"]], dim=1)
    torch.save(own, snapshot / "teacher.pt")
    read = from_hub("vit_base_patch14_reg4_dinov2", GATED, hub_file="teacher.pt").trunk
    assert torch.equal(read.pos_embed, state["pos_embed"])
    assert torch.equal(read.cls_token, state["cls_token"] + 1)
    assert torch.equal(read.reg_token, state["reg_token"])
    assert torch.equal(read.blocks[1].mlp.fc2.weight, state["blocks.1.mlp.fc2.weight"])


def test_a_part_of_a_matrix_that_is_missing_is_refused(from_hub: Callable[..., Backbone], snapshot: Path) -> None:
    dinov2().save_pretrained(snapshot)
    whole = load_file(snapshot / "model.safetensors")
    whole.pop("encoder.layer.1.attention.attention.key.weight")
    save_file(whole, snapshot / "model.safetensors")
    with pytest.raises(MitofmError, match=r"cannot load .*model.safetensors.*blocks\.1\.attn\.key\.weight"):
        from_hub("vit_base_patch14_dinov2", {})
