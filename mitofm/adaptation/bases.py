"""What an adapter is relative to, held by checkpoints: frozen tensors that another machine or seed would make otherwise.

PiSSA, OLoRA and their like move a part of the frozen matrix into the adapter: W becomes W - s B0 A0. A trained A and B mean
something only together with the first ones, so that these are stored, and the frozen matrix is made from them again, in
one and the same order of operations. Other methods train numbers in a basis of the frozen matrix, which is stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mitofm.ground.errors import MitofmError

ADAPTER = "default"


class Bases:
    """What a checkpoint of an adapted classifier holds beside what was trained.

    Args:
        layers: peft's layers by their name in the backbone.
        kept: attributes of these layers that hold a tensor per adapter.
        originals: the frozen matrices before peft came, by the name of their layer.

    Raises:
        MitofmError: peft has changed a frozen matrix in a way that cannot be stored.
    """

    def __init__(self, layers: Mapping[str, Any], kept: Sequence[str], originals: Mapping[str, Tensor]) -> None:
        self._moved: dict[str, tuple[Any, Tensor]] = {}  # LoRA layers, and the matrices as they were
        self._parts: dict[str, Tensor] = {}  # of these, what was moved
        self._kept: dict[str, Any] = {}
        self._frozen: dict[str, Tensor] = {}
        for place, layer in layers.items():
            name = f"backbone.{place}"
            self._kept |= {f"{name}.{attribute}.{ADAPTER}": getattr(layer, attribute) for attribute in kept}
            self._frozen |= {
                f"{name}.{parameter}": value
                for parameter, value in layer.named_parameters()
                if not parameter.startswith("base_layer.") and not value.requires_grad
            }
            weight = layer.get_base_layer().weight
            if not weight.is_meta and not torch.equal(weight, originals[place]):
                self._moved[name] = (layer, originals[place])
                self._move_again(name, place)

    def state(self) -> dict[str, Tensor]:
        """The tensors to store, by name."""
        kept = {name: by_adapter[ADAPTER] for name, by_adapter in self._kept.items()}
        return self._parts | kept | {name: value.detach() for name, value in self._frozen.items()}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Put them back, and make the frozen matrices from them.

        Raises:
            MitofmError: one is missing, or has another shape.
        """
        held_here = self.state()
        if missing := held_here.keys() - state.keys():
            raise MitofmError(f"this checkpoint lacks {len(missing)} tensors, such as {min(missing)}")
        for name, held in held_here.items():
            if state[name].shape != held.shape:
                raise MitofmError(
                    f"this checkpoint does not fit: {name} is {tuple(state[name].shape)}, not {tuple(held.shape)}"
                )
        for name in self._moved:
            self._move(name, state[f"{name}.moved_A"], state[f"{name}.moved_B"])
        for name, by_adapter in self._kept.items():
            by_adapter[ADAPTER] = state[name].to(by_adapter[ADAPTER].device)
        for name, value in self._frozen.items():
            value.data.copy_(state[name])

    def _move(self, name: str, a: Tensor, b: Tensor) -> None:
        """Take B (out, rank) times A (rank, in) out of a frozen matrix (out, in), on the CPU."""
        layer, original = self._moved[name]
        a, b = (part.detach().cpu().clone() for part in (a, b))
        self._parts |= {f"{name}.moved_A": a, f"{name}.moved_B": b}
        with torch.no_grad():
            layer.get_base_layer().weight.copy_(original - layer.scaling[ADAPTER] * (b @ a))

    def _move_again(self, name: str, place: str) -> None:
        """Make the matrix anew from what peft moved out of it, so that a checkpoint's reader makes the same bits."""
        layer, _ = self._moved[name]
        weight = layer.get_base_layer().weight
        by_peft = weight.detach().clone()
        if ADAPTER in getattr(layer, "lora_A", {}):
            a, b = layer.lora_A[ADAPTER].weight, layer.lora_B[ADAPTER].weight
            if len(a) != layer.r[ADAPTER]:
                raise MitofmError(
                    f"adaptation.rank={layer.r[ADAPTER]} is more than {place} of {tuple(weight.shape)} has: take {len(a)} or less"
                )
            self._move(name, a, b)
            if torch.allclose(weight, by_peft, rtol=1e-4, atol=1e-5 * float(by_peft.abs().max())):
                return
        raise MitofmError(
            f"peft changes the frozen {place} otherwise than by what it puts into its adapter: that is refused"
        )


def find_adapters(module: nn.Module) -> dict[str, Any]:
    """Peft's layers in a module, by name."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    return {name: layer for name, layer in module.named_modules() if isinstance(layer, BaseTunerLayer)}
