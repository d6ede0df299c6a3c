"""A ViT that sees one colour at a time: GenBio-PathFM's. It is registered with timm, which builds and loads it as any other."""

from __future__ import annotations

from functools import partial
from typing import Any

from timm.models import build_model_with_cfg, generate_default_cfgs, register_model
from timm.models.eva import Eva, checkpoint_filter_fn
from torch import Tensor, nn

_COLOURS = 3
_NAME = "channelwise_vit_giant_patch16"

default_cfgs = generate_default_cfgs({_NAME: {"input_size": (1, 224, 224)}})  # timm looks for it under this name


class ChannelwiseEva(Eva):
    """Red, green and blue pass one after the other, and their tokens are joined: `num_features` is three times the width.

    The blocks are those of timm's DINOv3.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_features = self.head_hidden_size = _COLOURS * self.embed_dim

    def forward_features(self, x: Tensor, attn_mask: Tensor | None = None, is_causal: bool = False) -> Tensor:
        """(B, 3, H, W) -> tokens (B, T, 3D): those of the red image, then of the green and of the blue one."""
        tokens = super().forward_features(x.flatten(0, 1).unsqueeze(1), attn_mask, is_causal)
        return tokens.unflatten(0, (-1, _COLOURS)).transpose(1, 2).flatten(2)


@register_model
def channelwise_vit_giant_patch16(pretrained: bool = False, **kwargs: Any) -> ChannelwiseEva:
    """ViT-g/16 with 4 registers, RoPE and SwiGLU (hub: genbio-ai/genbio-pathfm)."""
    stated = {
        "in_chans": 1,
        "patch_size": 16,
        "embed_dim": 1536,
        "depth": 40,
        "num_heads": 24,
        "mlp_ratio": 8 / 3,
        "swiglu_mlp": True,
        "swiglu_align_to": 64,
        "qkv_bias": False,
        "init_values": 1e-5,
        "num_reg_tokens": 4,
        "use_abs_pos_emb": False,
        "use_rot_pos_emb": True,
        "rope_type": "dinov3",
        "rope_temperature": 100,
        "rope_rotate_half": True,
        "use_fc_norm": False,
        "norm_layer": partial(nn.LayerNorm, eps=1e-6),
    }
    return build_model_with_cfg(
        ChannelwiseEva,
        _NAME,
        pretrained,
        pretrained_filter_fn=checkpoint_filter_fn,
        **{**stated, **kwargs},
    )
