"""Self-attention in bf16 whose gradient is fast on a CPU: plain matrix products in place of torch's fused kernel.

As measured (docs/performance.md), forward and gradient of the fused kernel of torch 2.13 take 2 to 5 times as long there. In
fp32 and on other devices it is as fast or faster, and stays.
"""

from __future__ import annotations

import mitofm.ground.torchvision_shim  # noqa: F401  before anything imports torchvision

# isort: split

from typing import Any

import torch
from timm.layers.attention import Attention
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


def hasten(module: nn.Module) -> None:
    """Let timm's plain attention layers in `module` compute by matrix products if these are faster; others stay as they are."""
    for layer in module.modules():
        if type(layer) is Attention and _is_plain(layer):
            layer.__class__ = ProductAttention


class ProductAttention(Attention):
    """Timm's layer with another gradient."""

    def forward(self, x: Tensor, attn_mask: Tensor | None = None, is_causal: bool = False) -> Tensor:
        """(B, N, D) -> (B, N, D)."""
        plain = attn_mask is None and not is_causal and not self.training
        # Without a gradient too, if it is as fast or not: frozen blocks give the same whether they are kept or computed in training.
        if not (plain and x.device.type == "cpu" and torch.is_autocast_enabled("cpu")):
            return super().forward(x, attn_mask, is_causal)
        return self.proj(Products.apply(self.qkv(x), self.num_heads, self.scale))


class Products(torch.autograd.Function):
    """Queries, keys and values (B, N, 3 D) of some heads -> what they attend to, (B, N, D).

    Attention weights are computed again for the gradient, so that no more is kept than by the fused kernel.
    """

    @staticmethod
    def forward(ctx: Any, qkv: Tensor, heads: int, scale: float) -> Tensor:
        """See the class."""
        size, tokens, width = qkv.shape
        split = qkv.view(size, tokens, 3, heads, -1).permute(2, 0, 3, 1, 4).reshape(3, size * heads, tokens, -1)
        ctx.heads, ctx.scale = heads, scale
        ctx.save_for_backward(split)
        attended = torch.bmm(_weigh(split, scale), split[2])
        return attended.view(size, heads, tokens, -1).transpose(1, 2).reshape(size, tokens, width // 3)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """From the gradient of the output, (B, N, D)."""
        (split,) = ctx.saved_tensors
        size, tokens, width = gradient.shape
        queries, keys, values = split
        weights = _weigh(split, ctx.scale)
        gradient = gradient.view(size, tokens, ctx.heads, -1).transpose(1, 2).reshape(values.shape)
        of_split = torch.empty_like(split)
        torch.bmm(weights.transpose(1, 2), gradient, out=of_split[2])
        of_weights = torch.bmm(gradient, values.transpose(1, 2))
        of_scores = torch._softmax_backward_data(of_weights, weights, -1, weights.dtype).mul_(ctx.scale)
        torch.bmm(of_scores, keys, out=of_split[0])
        torch.bmm(of_scores.transpose(1, 2), queries, out=of_split[1])
        joined = of_split.view(3, size, ctx.heads, tokens, -1).permute(1, 3, 0, 2, 4)
        return joined.reshape(size, tokens, 3 * width), None, None


def _weigh(split: Tensor, scale: float) -> Tensor:
    """Attention weights: (B H, N, N)."""
    return torch.bmm(split[0], split[1].transpose(1, 2)).mul_(scale).softmax(-1)


def _is_plain(layer: Any) -> bool:
    """Whether nothing but a softmax stands between the two matrices that it holds."""
    absent = (layer.q_norm, layer.k_norm, layer.norm)
    return all(isinstance(one, nn.Identity) for one in absent) and layer.gate is None
