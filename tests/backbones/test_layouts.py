"""Checkpoints under the names of their publishers, against the arithmetic of their publishers, written here anew."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mitofm.backbones import convert
from mitofm.backbones.build import Backbone, build
from mitofm.backbones.spec import BackboneSpec
from mitofm.backbones.weights import Weights
from mitofm.ground.errors import MitofmError

WIDTH, HEADS, DEPTH, HIDDEN, PATCH, GRID = 48, 3, 4, 128, 14, 4
VIT = {"img_size": PATCH * GRID, "patch_size": PATCH, "embed_dim": WIDTH, "depth": DEPTH, "num_heads": HEADS}
GATED = {"mlp_ratio": 2 * HIDDEN / WIDTH, "mlp_layer": "SwiGLUPacked", "act_layer": "SiLU"}
PLAIN = {"mlp_ratio": HIDDEN / WIDTH}
SCALED = {"init_values": 1.0}

State = dict[str, Tensor]
Block = Callable[[int], str]


def draw(shapes: dict[str, tuple[int, ...]]) -> State:
    generator = torch.Generator().manual_seed(0)
    return {name: torch.randn(shape, generator=generator) * 0.2 for name, shape in shapes.items()}


def list_shapes(
    block: Block,
    mlp: dict[str, tuple[int, int]],
    scale: str | None = None,
    extra: dict[str, tuple[int, ...]] | None = None,
) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a ViT's tensors; `mlp` has the matrices of a block as (out, in)."""
    shapes: dict[str, tuple[int, ...]] = {
        "cls_token": (1, 1, WIDTH),
        "pos_embed": (1, 1 + GRID**2, WIDTH),
        "patch_embed.proj.weight": (WIDTH, 3, PATCH, PATCH),
        "patch_embed.proj.bias": (WIDTH,),
        "norm.weight": (WIDTH,),
        "norm.bias": (WIDTH,),
    }
    for number in range(DEPTH):
        matrices = {
            "attn.qkv": (3 * WIDTH, WIDTH),
            "attn.proj": (WIDTH, WIDTH),
            **{f"mlp.{k}": v for k, v in mlp.items()},
        }
        for name, (out, into) in matrices.items():
            shapes |= {f"{block(number)}.{name}.weight": (out, into), f"{block(number)}.{name}.bias": (out,)}
        for name in ("norm1", "norm2"):
            shapes |= {f"{block(number)}.{name}.{part}": (WIDTH,) for part in ("weight", "bias")}
        for one in (1, 2) if scale else ():
            shapes[f"{block(number)}.ls{one}.{scale}"] = (WIDTH,)
    return shapes | (extra or {})


def attend(state: State, name: str, x: Tensor, turn: Callable[[Tensor], Tensor] = lambda x: x) -> Tensor:
    qkv = F.linear(x, state[f"{name}.qkv.weight"], state.get(f"{name}.qkv.bias"))
    q, k, v = qkv.unflatten(-1, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
    weights = (turn(q) @ turn(k).transpose(-2, -1) / math.sqrt(WIDTH / HEADS)).softmax(-1)
    joined = (weights @ v).transpose(1, 2).flatten(2)
    return F.linear(joined, state[f"{name}.proj.weight"], state[f"{name}.proj.bias"])


def linear(state: State, name: str, x: Tensor) -> Tensor:
    return F.linear(x, state[f"{name}.weight"], state[f"{name}.bias"])


def gelu(first: str, second: str) -> Callable[[State, str, Tensor], Tensor]:
    return lambda state, name, x: linear(state, f"{name}.{second}", F.gelu(linear(state, f"{name}.{first}", x)))


def swiglu(both: str, last: str) -> Callable[[State, str, Tensor], Tensor]:
    def apply(state: State, name: str, x: Tensor) -> Tensor:
        gate, value = linear(state, f"{name}.{both}", x).chunk(2, dim=-1)
        return linear(state, f"{name}.{last}", F.silu(gate) * value)

    return apply


def embed_tokens(
    state: State,
    images: Tensor,
    block: Block,
    mlp: Callable[[State, str, Tensor], Tensor],
    scale: str | None = None,
    registers: str | None = None,
) -> Tensor:
    """DINOv2's forward pass: positions are added to class and patches, and registers come between them, without any."""
    norm = lambda name, x: F.layer_norm(x, (WIDTH,), state[f"{name}.weight"], state[f"{name}.bias"], 1e-6)  # noqa: E731
    x = F.conv2d(images, state["patch_embed.proj.weight"], state["patch_embed.proj.bias"], stride=PATCH)
    x = x.flatten(2).transpose(1, 2)
    x = torch.cat([state["cls_token"].expand(len(x), -1, -1), x], dim=1) + state["pos_embed"]
    if registers:
        x = torch.cat([x[:, :1], state[registers].expand(len(x), -1, -1), x[:, 1:]], dim=1)
    for number in range(DEPTH):
        first, second = (state[f"{block(number)}.ls{one}.{scale}"] if scale else 1.0 for one in (1, 2))
        x = x + first * attend(state, f"{block(number)}.attn", norm(f"{block(number)}.norm1", x))
        x = x + second * mlp(state, f"{block(number)}.mlp", norm(f"{block(number)}.norm2", x))
    return norm("norm", x)


def in_a_row(number: int) -> str:
    return f"blocks.{number}"


def in_chunks(number: int) -> str:  # two blocks in each; the second number goes on counting
    return f"blocks.{number // 2}.{number}"


W12 = {"w12": (2 * HIDDEN, WIDTH), "w3": (WIDTH, HIDDEN)}
FC = {"fc1": (HIDDEN, WIDTH), "fc2": (WIDTH, HIDDEN)}
REGISTERS = {"register_tokens": (1, 4, WIDTH), "mask_token": (1, WIDTH)}


def under(prefix: str, state: State, **others: tuple[int, ...]) -> State:
    return {f"{prefix}{name}": value for name, value in state.items()} | draw(others)


LAYOUTS: dict[str, tuple[Any, ...]] = {
    "openpath": (
        "vit_base_patch14_reg4_dinov2",
        GATED | SCALED,
        draw(list_shapes(in_chunks, W12, "gamma", REGISTERS)),
        lambda state: {"teacher": under("backbone.", state, **{"dino_head.mlp.0.weight": (5, WIDTH)}), "iteration": 7},
        {"block": in_chunks, "mlp": swiglu("w12", "w3"), "scale": "gamma", "registers": "register_tokens"},
    ),
    "without a mask token": (
        "vit_base_patch14_reg4_dinov2",
        GATED | SCALED,
        draw(list_shapes(in_a_row, W12, "gamma", {"register_tokens": (1, 4, WIDTH)})),
        lambda state: state,
        {"block": in_a_row, "mlp": swiglu("w12", "w3"), "scale": "gamma", "registers": "register_tokens"},
    ),
    "crown": (
        "vit_large_patch16_224",
        GATED | SCALED,
        draw(list_shapes(in_chunks, W12, "gamma", {"mask_token": (1, WIDTH)})),
        lambda state: state,
        {"block": in_chunks, "mlp": swiglu("w12", "w3"), "scale": "gamma"},
    ),
    "sp22m": (
        "vit_small_patch16_224",
        PLAIN,
        draw(list_shapes(in_a_row, FC)),
        lambda state: under("encoder.", state),
        {"block": in_a_row, "mlp": gelu("fc1", "fc2")},
    ),
    "keep": (
        "vit_large_patch16_224",
        PLAIN | SCALED,
        draw(list_shapes(in_a_row, FC, "weight")),
        lambda state: under(
            "visual.",
            state,
            **{"visual_head.0.weight": (5, WIDTH), "text.embeddings.LayerNorm.weight": (5,), "logit_scale": ()},
        ),
        {"block": in_a_row, "mlp": gelu("fc1", "fc2"), "scale": "weight"},
    ),
    "conch_v1_5": (
        "vit_large_patch16_224",
        PLAIN | SCALED,
        draw(list_shapes(in_a_row, FC, "gamma")),
        lambda state: under("trunk.", state, **{"attn_pool_contrast.query": (1, 5), "ln_contrast.weight": (5,)}),
        {"block": in_a_row, "mlp": gelu("fc1", "fc2"), "scale": "gamma"},
    ),
    "gigapath_flash": (
        "vit_small_patch16_224",
        GATED | SCALED,
        draw(list_shapes(in_a_row, {"fc1": W12["w12"], "fc2": W12["w3"]}, "gamma")),
        lambda state: {"model": state},
        {"block": in_a_row, "mlp": swiglu("fc1", "fc2"), "scale": "gamma"},
    ),
}


@pytest.fixture
def load(resolved: Callable[..., Any], tmp_path: Path) -> Callable[..., Backbone]:
    """Builds `backbone=custom` from a checkpoint of this content."""

    def loaded(content: Any, architecture: str, kwargs: dict[str, Any], **others: Any) -> Backbone:
        torch.save(content, tmp_path / "published.pth")
        config = resolved("backbone=custom", f"backbone.architecture={architecture}")["backbone"]
        own = {"kwargs": VIT | kwargs, "img_size": VIT["img_size"]}
        return build(
            BackboneSpec.from_config(config | own | others), Weights(tmp_path / "published.pth", ""), seed=0
        ).eval()

    return loaded


def test_the_names_of_publishers_give_the_numbers_of_publishers(load: Callable[..., Backbone]) -> None:
    images = torch.randn(2, 3, PATCH * GRID, PATCH * GRID, generator=torch.Generator().manual_seed(1))
    for name, (architecture, kwargs, state, publish, arithmetic) in LAYOUTS.items():
        trunk = load(publish(state), architecture, kwargs).trunk
        expected = embed_tokens(state, images, **arithmetic)
        assert expected.std() > 0.1
        with torch.inference_mode():
            torch.testing.assert_close(trunk.forward_features(images), expected, atol=1e-5, rtol=1e-5, msg=name)


ADAPTED = ("attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2")


def with_deltas(rank: int) -> State:
    """As CRISP is published: a peft model with all its weights, a delta beside each matrix of a block."""
    state = draw(list_shapes(in_a_row, {"fc1": W12["w12"], "fc2": W12["w3"]}, "gamma"))
    wrapped: State = {}
    for key, value in state.items():
        module, _, part = key.rpartition(".")
        if module.endswith(ADAPTED):
            wrapped[f"base_model.model.{module}.base_layer.{part}"] = value
            if part == "weight":
                shapes = {"lora_A": (rank, value.shape[1]), "lora_B": (value.shape[0], rank)}
                for name, delta in draw(shapes).items():
                    wrapped[f"base_model.model.{module}.{name}.default.weight"] = delta
        else:
            wrapped[f"base_model.model.{key}"] = value
    return wrapped


def test_deltas_are_merged_with_their_scale(load: Callable[..., Backbone]) -> None:
    rank, alpha = 2, 6
    wrapped = with_deltas(rank)
    merged = {}
    for key, value in wrapped.items():
        if ".lora_" not in key:
            if key.endswith(".base_layer.weight"):
                module = key.removesuffix(".base_layer.weight")
                down, up = (wrapped[f"{module}.{name}.default.weight"] for name in ("lora_A", "lora_B"))
                value = value + alpha / rank * up @ down
            merged[key.removeprefix("base_model.model.").replace(".base_layer", "")] = value
    trunk = load(wrapped, "vit_huge_patch14_224", GATED | SCALED, lora_alpha=alpha).trunk
    images = torch.randn(2, 3, PATCH * GRID, PATCH * GRID, generator=torch.Generator().manual_seed(1))
    expected = embed_tokens(merged, images, in_a_row, swiglu("fc1", "fc2"), "gamma")
    with torch.inference_mode():
        torch.testing.assert_close(trunk.forward_features(images), expected, atol=1e-5, rtol=1e-5)
        other = load(wrapped, "vit_huge_patch14_224", GATED | SCALED, lora_alpha=2 * alpha).trunk.forward_features(
            images
        )
    assert (other - expected).abs().max() > 0.1


def test_alpha_is_part_of_what_embeddings_are_named_by_but_not_if_there_is_none(resolved: Callable[..., Any]) -> None:
    stated = BackboneSpec.from_config(resolved("backbone=crisp")["backbone"])
    other, none = replace(stated, lora_alpha=8), replace(stated, lora_alpha=None)
    assert len({spec.fingerprint("0" * 64, "fp32", None) for spec in (stated, other, none)}) == 3
    assert "lora_alpha" not in none.contract()  # caches and checkpoints of before keep their names


def test_deltas_that_cannot_be_merged_are_refused_with_the_reason(load: Callable[..., Backbone]) -> None:
    wrapped = with_deltas(2)
    plain = draw(list_shapes(in_a_row, FC))
    first = "base_model.model.blocks.0.attn.qkv"
    alone = {key: value for key, value in wrapped.items() if ".lora_" in key}
    halved = {key: value for key, value in wrapped.items() if key != f"{first}.lora_B.default.weight"}
    baseless = {key: value for key, value in wrapped.items() if key != f"{first}.base_layer.weight"}
    for content, alpha, reason in (
        (wrapped, None, r"LoRA deltas \(\S+\), whose scale no tensor states: add \+backbone.lora_alpha=NUMBER"),
        (alone, 6.0, r"without the weights that they change: .*merge_and_unload"),
        (halved, 6.0, r"delta \S+qkv\.lora_A\S+ lacks \S+qkv\.lora_B\.default\.weight"),
        (baseless, 6.0, r"delta \S+qkv\.lora_A\S+ lacks \S+qkv\.weight"),
        (
            wrapped | {f"{first}.lora_magnitude_vector.default.weight": torch.ones(1)},
            6.0,
            "no part of a plain LoRA delta",
        ),
        (plain, 6.0, r"no LoRA deltas, but backbone.lora_alpha=6: set that to null"),
    ):
        with pytest.raises(MitofmError, match=rf"cannot load \S+published.pth: .*{reason}"):
            load(content, "vit_small_patch16_224", PLAIN, lora_alpha=alpha)


def test_a_checkpoint_of_another_layout_is_refused_with_what_differs(load: Callable[..., Backbone]) -> None:
    plain, gated = draw(list_shapes(in_a_row, FC)), draw(list_shapes(in_a_row, W12, "gamma"))
    restarting = draw(list_shapes(lambda number: f"blocks.{number // 2}.{number % 2}", FC))
    for content, reason in (
        (gated, r"Unexpected key.*blocks\.0\.ls1\.gamma"),
        (under("student.", plain) | under("teacher.", plain), r"several trunks \(student\., teacher\.\)"),
        (restarting, r"blocks\.1\.0\.\S+ and another tensor are both blocks\.0\.\S+"),
        ({key: value for key, value in plain.items() if "blocks.3" not in key}, r"Missing key.*blocks\.3\.norm1"),
        (plain | {"pos_embed": plain["pos_embed"][..., :24]}, r"size mismatch for pos_embed"),
    ):
        with pytest.raises(MitofmError, match=rf"(?s)cannot load \S+published.pth: .*{reason}") as caught:
            load(content, "vit_small_patch16_224", PLAIN)
        assert len(str(caught.value)) < 900


def test_names_of_a_cnn_stay_though_they_look_like_chunks(tmp_path: Path) -> None:
    state = {
        f"blocks.{stage}.{block}.conv_pw.weight": torch.full((2,), 1.0) for stage in range(2) for block in range(2)
    }
    torch.save(state, tmp_path / "cnn.pth")
    assert convert.load(tmp_path / "cnn.pth").keys() == state.keys()
