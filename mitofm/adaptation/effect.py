"""Which layers of a backbone its embedding depends on by way of their forward pass, where an adapter would sit."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.func import functional_call

from mitofm.backbones.build import Backbone


def without_effect(backbone: Backbone, layers: Sequence[str]) -> list[str]:
    """Those of `layers` whose output never reaches the embedding: an adapter in one of them would learn nothing.

    Some of timm's attentions multiply by a layer's weight themselves and never call the layer. One patch passes through
    on the meta device: shapes alone, no numbers, so that a giant costs a second and no random stream moves.

    Args:
        backbone: any; its weights are not touched.
        layers: by their names in it.
    """
    outputs: dict[str, Tensor] = {}

    def keep(name: str, layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        outputs[name] = output

    hooks = [backbone.get_submodule(name).register_forward_hook(partial(keep, name)) for name in layers]
    weights = {name: torch.empty_like(one, device="meta").requires_grad_() for name, one in backbone.named_parameters()}
    buffers = {name: torch.empty_like(one, device="meta") for name, one in backbone.named_buffers()}
    size = backbone.spec.img_size
    patch = torch.empty((1, size, size, 3), dtype=torch.uint8, device="meta")
    was_training = backbone.training
    try:
        embedding = functional_call(backbone.eval(), weights | buffers, (patch,))
    finally:
        backbone.train(was_training)
        for hook in hooks:
            hook.remove()
    if not outputs:
        return list(layers)
    gradients = torch.autograd.grad(embedding.sum(), list(outputs.values()), allow_unused=True)
    reaching = {name for name, gradient in zip(outputs, gradients, strict=True) if gradient is not None}
    return [name for name in layers if name not in reaching]
