"""A backbone in two parts gives what it gives whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from mitofm.backbones.build import Backbone, build
from mitofm.backbones.prefix import Prefix, count_frozen, split
from mitofm.backbones.spec import BackboneSpec
from mitofm.backbones.views import VIEWS, turn
from mitofm.backbones.weights import Weights

PATCHES = torch.randint(0, 256, (3, 32, 32, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))
SMALL = {"img_size": 32, "depth": 3, "embed_dim": 24, "num_heads": 2}
ROTARY = {"use_abs_pos_emb": False, "use_rot_pos_emb": True, "ref_feat_shape": [2, 2], "num_reg_tokens": 2}
NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "registers, layer scale, norm before": (
        "vit_small_patch16_224",
        {**SMALL, "reg_tokens": 4, "init_values": 0.1, "pre_norm": True},
    ),
    "rotary embeddings": ("eva02_small_patch14_224", {**SMALL, "patch_size": 8, **ROTARY}),
    "mixed rotary embeddings": ("vit_small_patch16_rope_mixed_224", {**SMALL, "patch_size": 8}),
}


def make(architecture: str, kwargs: dict[str, Any], embedding: str = "cls_mean") -> Backbone:
    toy = yaml.safe_load((Path(__file__).parents[2] / "conf" / "backbone" / "toy_vit_p16.yaml").read_text())
    measured = {"embed_dim": None, "prefix_tokens": None, "depth": None, "parameters": None}
    own = {"architecture": architecture, "kwargs": kwargs, "embedding": embedding, "img_size": 32}
    spec = BackboneSpec.from_config(toy | measured | own)
    return build(spec, Weights(None, "random"), 0).eval().requires_grad_(False)


@pytest.mark.parametrize("network", NETWORKS)
def test_both_parts_give_what_the_whole_gives_for_every_view(network: str) -> None:
    backbone = make(*NETWORKS[network])
    backbone.trunk.blocks[2].requires_grad_(True)
    assert count_frozen(backbone) == 2
    suffix = split(backbone, 2, PATCHES)
    assert suffix is not None
    for view in range(VIEWS):
        prefix = Prefix(backbone, 2, view)
        tokens = prefix(PATCHES)
        assert tokens.shape[1:] == prefix.shape
        torch.testing.assert_close(suffix(tokens), backbone(turn(PATCHES, view)), rtol=0, atol=0)
    suffix(tokens).sum().backward()
    assert {name.split(".")[2] for name, one in backbone.named_parameters() if one.grad is not None} == {"2"}


def test_nothing_is_frozen_before_a_trained_parameter() -> None:
    backbone = make(*NETWORKS["registers, layer scale, norm before"])
    assert count_frozen(backbone) == 0  # nothing is trained
    backbone.trunk.norm.requires_grad_(True)
    backbone.trunk.blocks[1].attn.qkv.bias.requires_grad = True
    assert count_frozen(backbone) == 1
    backbone.trunk.cls_token.requires_grad = True
    assert count_frozen(backbone) == 0


def test_a_network_that_passes_more_from_block_to_block_is_not_split() -> None:
    backbone = make(*NETWORKS["registers, layer scale, norm before"])

    class Skips(torch.nn.Module):
        def __init__(self, trunk: Any) -> None:
            super().__init__()
            self.trunk, self.blocks, self.norm, self.num_features = trunk, trunk.blocks, trunk.norm, trunk.num_features

        def forward_features(self, images: torch.Tensor) -> torch.Tensor:
            return self.trunk.forward_features(images) + images.mean()

    backbone.trunk = Skips(backbone.trunk)
    assert split(backbone, 2, PATCHES) is None


def test_a_network_without_a_row_of_blocks_has_no_prefix() -> None:
    backbone = make("resnet10t", {}, embedding="pool")
    backbone.trunk.layer4.requires_grad_(True)
    assert count_frozen(backbone) == 0
