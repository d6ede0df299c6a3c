"""Every shipped backbone, built at full size on the meta device."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from mitofm.adaptation.adapters import TARGETS, find_matrices
from mitofm.backbones.build import Backbone, build
from mitofm.backbones.spec import BackboneSpec
from mitofm.backbones.weights import Weights
from mitofm.commands.composing.compose import list_group

OnMeta = Callable[..., Backbone]
ZOO = [name for name in list_group("backbone") if name != "custom"]

# Published and measured: millions of parameters as printed there, width, blocks, class and register tokens.
FACTS = {
    "uni": ("303.35", 1024, 24, 1),
    "uni2_h": ("681.39", 1536, 24, 9),
    "virchow": ("631.23", 1280, 32, 1),
    "virchow2": ("631.24", 1280, 32, 5),
    "h_optimus_0": ("1134.77", 1536, 40, 5),
    "h_optimus_1": ("1134.77", 1536, 40, 5),
    "h0_mini": ("85.74", 768, 12, 5),
    "prov_gigapath": ("1134.95", 1536, 40, 1),
    "phikon": ("85.8", 768, 12, 1),
    "phikon_v2": ("303.35", 1024, 24, 1),
    "hibou_b": ("85.7", 768, 12, 5),
    "hibou_l": ("303.7", 1024, 24, 5),
    "kaiko_s16": ("21.67", 384, 12, 1),
    "kaiko_s8": ("21.67", 384, 12, 1),
    "kaiko_b16": ("85.80", 768, 12, 1),
    "kaiko_b8": ("85.81", 768, 12, 1),
    "kaiko_l14": ("303.23", 1024, 24, 5),  # 304.37 at the 518 px it was trained at: below
    "midnight": ("1134.77", 1536, 40, 1),
    "openmidnight": ("1134.77", 1536, 40, 5),
    "ctranspath": ("27.5", 768, 12, 0),
    "gpfm": ("303.23", 1024, 24, 1),
    "lunit_s16": ("21.67", 384, 12, 1),
    "lunit_s8": ("21.67", 384, 12, 1),
    "pathorchestra": ("303", 1024, 24, 1),
    "mstar": ("303", 1024, 24, 1),
    "gigapath_flash": ("21.7", 384, 12, 1),
    "phaet": ("303.4", 1024, 24, 1),
    "sp22m": ("22", 384, 12, 1),
    "crisp": ("631.2", 1280, 32, 5),
    "distillpath_ks16_uni2h": ("21.7", 384, 12, 1),
    "genbio_pathfm": ("1100", 4608, 40, 5),
    "dinov2_s": ("21.63", 384, 12, 1),
    "dinov2_b": ("85.72", 768, 12, 1),
    "dinov2_l": ("303.23", 1024, 24, 1),
    "dinov2_g": ("1134.77", 1536, 40, 1),
    "dinov3_s": ("21.59", 384, 12, 5),
    "dinov3_b": ("85.64", 768, 12, 5),
    "dinov3_l": ("303.08", 1024, 24, 5),
    "dinov3_h_plus": ("840.51", 1280, 32, 5),
    "vit_small": ("21.67", 384, 12, 1),
    "vit_huge": ("630.76", 1280, 32, 1),
    "resnet50": ("23.51", 2048, None, 0),
}


def test_the_readme_counts_them() -> None:
    readme = Path(__file__).parents[2] / "README.md"
    assert f"| `backbone` | {len(list_group('backbone'))}: " in readme.read_text()


def parameters(backbone: Backbone) -> int:
    return sum(parameter.numel() for parameter in backbone.parameters())


@pytest.mark.parametrize("name", ZOO)
def test_every_backbone_is_what_its_yaml_states(on_meta: OnMeta, name: str) -> None:
    backbone = on_meta(name)
    spec = backbone.spec
    assert spec.name == name
    assert parameters(backbone) == spec.parameters
    blocks = [name for name, _ in backbone.named_modules() if re.fullmatch(r"trunk\.(layers\.\d+\.)?blocks\.\d+", name)]
    assert spec.depth == (None if spec.family == "cnn" else len(blocks))
    assert spec.embed_dim == backbone.embedding_dim // backbone.recipe.width  # build() refuses what does not fit
    assert spec.prefix_tokens == backbone.prefix_tokens
    assert spec.file is None or spec.hub is None or spec.file.rpartition(".")[2] == spec.hub_file.rpartition(".")[2]


@pytest.mark.parametrize("name", FACTS)
def test_yamls_agree_with_what_is_published(on_meta: OnMeta, name: str) -> None:
    millions, width, depth, prefix = FACTS[name]
    spec = on_meta(name).spec
    printed = len(millions.partition(".")[2]) or len(millions.rstrip("0")) - len(millions)
    assert spec.parameters is not None
    assert spec.parameters / 1e6 == pytest.approx(float(millions), abs=max(0.01, 0.5 * 10**-printed))
    assert (spec.embed_dim, spec.depth, spec.prefix_tokens) == (width, depth, prefix)


def test_a_native_size_has_its_own_positions(on_meta: OnMeta) -> None:
    assert parameters(on_meta("kaiko_l14", img_size=518)) / 1e6 == pytest.approx(304.37, abs=0.01)


def test_phikons_norms_have_the_epsilon_of_its_library(on_meta: OnMeta) -> None:
    norms = {name: on_meta(name).trunk.blocks[0].norm1.eps for name in ("phikon", "phikon_v2", "vit_base")}
    assert norms == {"phikon": 1e-12, "phikon_v2": 1e-6, "vit_base": 1e-6}


@pytest.mark.parametrize(
    "name", [name for name in ZOO if "depth: null" not in list_group("backbone")[name].read_text()]
)
def test_lora_hits_exactly_the_linears_of_attention_and_mlp(on_meta: OnMeta, name: str) -> None:
    backbone = on_meta(name)
    modules = dict(backbone.named_modules())
    linears = {name for name, module in modules.items() if isinstance(module, nn.Linear) and ".blocks." in name}
    hits = {target: set(find_matrices(backbone, target)) for target in TARGETS}
    assert hits["attention_mlp"] == linears
    assert hits["attention"] | hits["mlp"] == linears
    per_block = 5 if name in ("dinov3_h_plus", "genbio_pathfm") else 4  # their SwiGLU is not fused
    assert len(linears) == per_block * (backbone.spec.depth or 0) > 0


@pytest.mark.parametrize("architecture", ["vit_tiny_patch16_224", "vit_small_patch16_dinov3"])
def test_poisoned_registers_stay_out_of_the_patch_mean(resolved: Callable[..., Any], architecture: str) -> None:
    narrow = {"img_size": 64, "embed_dim": 48, "depth": 2, "num_heads": 3}
    registers = {} if "dinov3" in architecture else {"reg_tokens": 4}
    config = resolved("backbone=toy_vit_p16")["backbone"] | {
        "architecture": architecture,
        "kwargs": narrow | registers,
        "embed_dim": 48,
        "depth": 2,
        "prefix_tokens": 5,
        "embedding": "cls_mean",
    }
    backbone = build(BackboneSpec.from_config(config), Weights(None, "random"), seed=0).eval()
    patches = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8)
    with torch.inference_mode():
        clean = backbone(patches)
        backbone.trunk.norm.register_forward_hook(poison_registers)
        poisoned = backbone(patches)
        everything = backbone.trunk.forward_features(backbone.transform(patches))[:, 1:].mean(dim=1)
    assert torch.equal(poisoned, clean)
    assert everything.abs().min() > 1e4  # a mean over all tokens but the first would have shown it


def poison_registers(norm: nn.Module, inputs: Any, tokens: torch.Tensor) -> torch.Tensor:
    del norm, inputs
    tokens = tokens.clone()
    tokens[:, 1:5] = 1e6
    return tokens
