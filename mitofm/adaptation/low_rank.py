"""What LoRA's layers compute, in fewer passes than peft's: peft still makes, names and stores them.

y = x W' + scale (drop(x) A') B' with W frozen. Nothing of the size of x is kept for the gradient but x itself, which A's
gradient needs: what dropout leaves out is drawn again from a seed, one random byte per element. W is cast to the precision of
the products once, not at every step.
"""

from __future__ import annotations

import mitofm.ground.torchvision_shim  # noqa: F401  before anything imports torchvision

# isort: split

from typing import Any

import numpy as np
import torch
from peft.tuners.lora.layer import Linear
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from mitofm.adaptation.bases import ADAPTER, find_adapters


def hasten(module: nn.Module) -> None:
    """Let peft's plain LoRA layers in `module` compute as above, in place; others stay as they are.

    Of another kind are variants (DoRA), trained biases, and dropout at a rate that no 256th is near.
    """
    for layer in find_adapters(module).values():
        if type(layer) is Linear and _is_plain(layer):
            layer.__class__ = LowRankLinear


class LowRankLinear(Linear):
    """Peft's layer with another forward pass."""

    _held: tuple[Any, tuple[Tensor, Tensor | None]] | None = None

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """(..., in) -> (..., out), in the precision of autocast if it is on."""
        base: Any = self.base_layer
        kind = x.device.type
        if args or kwargs or self.merged or self.disable_adapters or base.weight.requires_grad:
            return super().forward(x, *args, **kwargs)
        a: Any = self.lora_A[ADAPTER].weight
        b: Any = self.lora_B[ADAPTER].weight
        scale, dropout = self.scaling[ADAPTER], self.lora_dropout[ADAPTER]
        dropped = _count_dropped(dropout) if dropout.training else 0
        if not dropped and not torch.is_grad_enabled():
            return F.linear(x, torch.addmm(base.weight, b, a, alpha=scale), base.bias)
        dtype: torch.dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else base.weight.dtype
        weight, bias = self._hold(dtype)
        seed = int(torch.randint(2**62, ())) if dropped else 0  # of the stream that a resumed run is seeded with
        rows = x.to(dtype).reshape(-1, x.shape[-1])
        y = LowRank.apply(rows, weight, bias, a.to(dtype), b.to(dtype), scale, dropped, seed)
        return y.view(*x.shape[:-1], -1)

    def _hold(self, dtype: torch.dtype) -> tuple[Tensor, Tensor | None]:
        """The frozen weight and bias in this precision, cast again only if they have changed."""
        base: Any = self.base_layer
        weight: Tensor = base.weight
        bias: Tensor | None = base.bias
        if dtype == weight.dtype:
            return weight, bias
        state = (dtype, weight.device, weight.data_ptr(), weight._version)
        held: Any = self._held
        if held is None or held[0] != state:
            with torch.inference_mode(False), torch.no_grad():
                held = self._held = state, (weight.to(dtype), None if bias is None else bias.to(dtype))
        return held[1]


class LowRank(torch.autograd.Function):
    """x (n, in) -> x weight' + bias + scale (drop(x) a') b': (n, out), with gradients for x, a (r, in) and b (out, r).

    `dropped` of 256 elements of x are left out of the adapter, each by itself; the others are scaled up to the same mean.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        a: Tensor,
        b: Tensor,
        scale: float,
        dropped: int,
        seed: int,
    ) -> Tensor:
        """See the class."""
        ctx.scale, ctx.dropped, ctx.seed = scale * 256 / (256 - dropped), dropped, seed
        # Small products have their rank first, the long side last: the other way round they take twice the time.
        low = a @ (x * draw_mask(x, dropped, seed) if dropped else x).T
        ctx.save_for_backward(x, weight, a, b, low)
        return F.linear(x, weight, bias).addmm_(low.T, b.T, alpha=ctx.scale)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """From the gradient of the output, (n, out)."""
        x, weight, a, b, low = ctx.saved_tensors
        of_low = (b.T.contiguous() @ gradient.T).mul_(ctx.scale)
        of_b = (low @ gradient).T.mul_(ctx.scale)
        mask = draw_mask(x, ctx.dropped, ctx.seed) if ctx.dropped else None
        of_x = None
        if ctx.needs_input_grad[0]:
            of_x = gradient @ weight
            if mask is None:
                of_x.addmm_(of_low.T, a)
            else:
                of_x.addcmul_(of_low.T @ a, mask)
        of_a = of_low @ (x if mask is None else mask.mul_(x))
        return of_x, None, None, of_a, of_b, None, None, None


def draw_mask(like: Tensor, dropped: int, seed: int) -> Tensor:
    """0 for about `dropped` of 256 elements and 1 for the others, from a byte each: the same for the same seed and shape."""
    count = (like.numel() + 7) // 8
    if like.device.type == "cpu":  # NumPy has a generator of twice the speed
        words = torch.from_numpy(np.random.SFC64(seed).random_raw(count).view(np.int64))
    else:
        generator = torch.Generator(like.device).manual_seed(seed)
        words = torch.empty(count, dtype=torch.int64, device=like.device).random_(-(2**63), None, generator=generator)
    drawn = words.view(torch.uint8)[: like.numel()].view(like.shape)
    return torch.ge(drawn, dropped, out=torch.empty_like(like))


def _count_dropped(dropout: nn.Module) -> int:
    """How many of 256 elements it drops."""
    return round(256 * dropout.p) if isinstance(dropout, nn.Dropout) else 0


def _is_plain(layer: Any) -> bool:
    """Whether this is LoRA as in its paper, of one adapter, on a frozen linear layer, with a rate of dropout near a 256th."""
    dropout = layer.lora_dropout[ADAPTER]
    rate = dropout.p if isinstance(dropout, nn.Dropout) else 0.0
    return (
        type(layer.base_layer) is nn.Linear
        and list(layer.lora_A) == [ADAPTER] == layer.active_adapters
        and ADAPTER not in layer.lora_variant
        and not layer.lora_bias[ADAPTER]
        and isinstance(dropout, nn.Dropout | nn.Identity)
        and round(256 * rate) < 256
        and abs(round(256 * rate) / 256 - rate) <= rate / 32
    )
