"""One colour at a time: GenBio-PathFM's names and arithmetic, in fp32 throughout, against what timm loads."""

import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mitofm.adaptation.adapters import find_matrices
from mitofm.backbones.build import Backbone, build
from mitofm.backbones.spec import BackboneSpec
from mitofm.backbones.tokens import PatchTokens
from mitofm.backbones.weights import Weights
from mitofm.commands.composing.compose import compose
from mitofm.runs.resolve import resolve

WIDTH, HEADS, DEPTH, HIDDEN, GRID = 48, 3, 2, 128, 3


def publish() -> dict[str, Tensor]:
    """Random tensors under the names of genbio-ai/genbio-pathfm."""
    shapes: dict[str, tuple[int, ...]] = {
        "cls_token": (1, 1, WIDTH),
        "storage_tokens": (1, 4, WIDTH),
        "patch_embed.proj.weight": (WIDTH, 1, 16, 16),
        "patch_embed.proj.bias": (WIDTH,),
        "rope_embed.periods": (WIDTH // HEADS // 4,),
        "norm.weight": (WIDTH,),
        "norm.bias": (WIDTH,),
    }
    for number in range(DEPTH):
        block = f"blocks.{number}"
        shapes[f"{block}.attn.qkv.weight"] = (3 * WIDTH, WIDTH)
        for name, into in {"attn.proj": WIDTH, "mlp.w3": HIDDEN}.items():
            shapes |= {f"{block}.{name}.weight": (WIDTH, into), f"{block}.{name}.bias": (WIDTH,)}
        for name in ("mlp.w1", "mlp.w2"):
            shapes |= {f"{block}.{name}.weight": (HIDDEN, WIDTH), f"{block}.{name}.bias": (HIDDEN,)}
        for name in ("norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias", "ls1.gamma", "ls2.gamma"):
            shapes[f"{block}.{name}"] = (WIDTH,)
    generator = torch.Generator().manual_seed(0)
    return {name: torch.randn(shape, generator=generator) * 0.2 for name, shape in shapes.items()}


def turn(x: Tensor) -> Tensor:
    """Rotate queries or keys of the patches, (B, heads, 5 + patches, D): D/4 frequencies of each axis, periods 100^(4i/D)."""
    size = WIDTH // HEADS
    periods = 100 ** (torch.arange(size // 4) / (size // 4))
    place = (torch.arange(GRID) + 0.5) / GRID * 2 - 1
    rows, columns = torch.meshgrid(place, place, indexing="ij")
    angles = torch.cat([2 * math.pi * axis.flatten()[:, None] / periods for axis in (rows, columns)], dim=1).repeat(
        1, 2
    )
    patches = x[:, :, 5:]
    first, second = patches.chunk(2, dim=-1)
    rotated = patches * angles.cos() + torch.cat([-second, first], dim=-1) * angles.sin()
    return torch.cat([x[:, :, :5], rotated], dim=2)


def embed_tokens(state: dict[str, Tensor], images: Tensor) -> Tensor:
    """The published forward pass on images of one channel: (B, 1, H, W) -> (B, 5 + patches, D)."""
    linear = lambda name, x: F.linear(x, state[f"{name}.weight"], state.get(f"{name}.bias"))  # noqa: E731
    norm = lambda name, x: F.layer_norm(x, (WIDTH,), state[f"{name}.weight"], state[f"{name}.bias"], 1e-6)  # noqa: E731
    x = F.conv2d(images, state["patch_embed.proj.weight"], state["patch_embed.proj.bias"], stride=16)
    tokens = (state["cls_token"], state["storage_tokens"])
    x = torch.cat([*(one.expand(len(x), -1, -1) for one in tokens), x.flatten(2).transpose(1, 2)], dim=1)
    for number in range(DEPTH):
        block = f"blocks.{number}"
        qkv = linear(f"{block}.attn.qkv", norm(f"{block}.norm1", x)).unflatten(-1, (3, HEADS, -1))
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        weights = (turn(q) @ turn(k).transpose(-2, -1) / math.sqrt(WIDTH / HEADS)).softmax(-1)
        x = x + state[f"{block}.ls1.gamma"] * linear(f"{block}.attn.proj", (weights @ v).transpose(1, 2).flatten(2))
        y = norm(f"{block}.norm2", x)
        y = F.silu(linear(f"{block}.mlp.w1", y)) * linear(f"{block}.mlp.w2", y)
        x = x + state[f"{block}.ls2.gamma"] * linear(f"{block}.mlp.w3", y)
    return norm("norm", x)


@pytest.fixture(scope="module")
def published() -> dict[str, Tensor]:
    return publish()


@pytest.fixture(scope="module")
def narrow(published: dict[str, Tensor], tmp_path_factory: pytest.TempPathFactory) -> Backbone:
    """`backbone=genbio_pathfm` with two narrow blocks."""
    file: Path = tmp_path_factory.mktemp("weights") / "model.pth"
    torch.save(published, file)
    config = resolve(compose("train", ["backbone=genbio_pathfm"]))["backbone"]
    kwargs = {"img_size": 16 * GRID, "embed_dim": WIDTH, "depth": DEPTH, "num_heads": HEADS}
    own = {"kwargs": kwargs, "img_size": 16 * GRID, "embed_dim": 3 * WIDTH, "depth": DEPTH, "parameters": None}
    return build(BackboneSpec.from_config(config | own), Weights(file, ""), seed=0).eval()


def test_three_passes_are_joined_colour_after_colour(narrow: Backbone, published: dict[str, Tensor]) -> None:
    images = torch.randn(2, 3, 16 * GRID, 16 * GRID, generator=torch.Generator().manual_seed(1))
    expected = torch.cat([embed_tokens(published, images[:, [colour]]) for colour in range(3)], dim=-1)
    assert expected.std() > 0.1
    with torch.inference_mode():
        torch.testing.assert_close(narrow.trunk.forward_features(images), expected, atol=1e-5, rtol=1e-5)
        assert torch.equal(narrow.embed(images), narrow.trunk.forward_features(images)[:, 0])  # the class tokens


def test_everything_else_takes_it_as_any_vit(narrow: Backbone) -> None:
    assert narrow.embedding_dim == 3 * WIDTH
    patches = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8)
    with torch.inference_mode():
        assert narrow(patches).shape == (2, 3 * WIDTH)
        assert PatchTokens(narrow)(patches).shape == (2, GRID, GRID, 3 * WIDTH)
    assert len(find_matrices(narrow, "attention_mlp")) == 5 * DEPTH  # its SwiGLU is not fused
    narrow.trunk.set_grad_checkpointing()
    narrow.embed(torch.randn(1, 3, 16 * GRID, 16 * GRID)).sum().backward()
    assert narrow.trunk.patch_embed.proj.weight.grad.abs().sum() > 0
