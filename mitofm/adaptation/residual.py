"""Matrices that the start of their adapters has changed, as PiSSA and OLoRA do, and how a checkpoint rebuilds them.

Such a start moves a part of a frozen matrix W into the adapters: W becomes W - s B A. What the trained adapters mean depends
on these first A and B, which another machine or torch may draw or round otherwise; so they are kept beside the trained ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mitofm.errors import MitofmError

_FIRST_A, _FIRST_B = "first_A", "first_B"
Kept = dict[str, tuple[Tensor, Tensor]]
"""The first A (r, in) and B (out, r) of changed layers, by the name of the layer."""


def sums(parameters: Mapping[str, Tensor]) -> dict[str, tuple[float, float] | None]:
    """Two sums of every parameter, which tell whether it has been changed; None if it holds no numbers."""
    return {
        name: None if one.is_meta else (one.sum(dtype=torch.float64).item(), one.norm(dtype=torch.float64).item())
        for name, one in parameters.items()
    }


def keep(backbone: nn.Module, changed: Sequence[str], method: str) -> None:
    """Keep the adapters of layers whose weight has been changed, in the layers' state.

    Args:
        backbone: with fresh adapters in place.
        changed: names of parameters, from before the adapters were put in place.
        method: of peft.

    Raises:
        MitofmError: a parameter has been changed that adapters of two factors do not rebuild.
    """
    for name in changed:
        layer: Any = backbone.get_submodule(name.rpartition(".")[0])
        if not (name.endswith(".weight") and hasattr(layer, "lora_A") and "default" in layer.lora_A):
            raise MitofmError(
                f"peft's {method} changes {name}, which no checkpoint of adapters rebuilds: take another method"
            )
        layer.register_buffer(_FIRST_A, layer.lora_A["default"].weight.detach().clone())
        layer.register_buffer(_FIRST_B, layer.lora_B["default"].weight.detach().clone())


def kept(module: nn.Module) -> Kept:
    """Copies of what is kept now."""
    return {name: (layer.first_A.clone(), layer.first_B.clone()) for name, layer in _layers(module)}


@torch.no_grad()
def rebuild(module: nn.Module, built: Kept) -> None:
    """Change the matrices from what `built` made them to what is kept now makes them.

    Args:
        module: whose state has been loaded.
        built: of this module before that.
    """
    for name, layer in _layers(module):
        first_a, first_b = built[name]
        if not (torch.equal(first_a, layer.first_A) and torch.equal(first_b, layer.first_B)):
            weight, scale = layer.get_base_layer().weight, layer.scaling["default"]
            weight.add_(scale * (first_b @ first_a)).sub_(scale * (layer.first_B @ layer.first_A))


def _layers(module: nn.Module) -> Iterator[tuple[str, Any]]:
    return ((name, layer) for name, layer in module.named_modules() if _FIRST_A in layer._buffers)
