"""LoRA deltas that a checkpoint holds beside the matrices they change, merged into them."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

_WRAPPER = "base_model.model."  # peft's, before every name
_BASE = ".base_layer."  # peft's, in the names of a matrix that has a delta and of its bias
_DOWN, _UP = ".lora_A.", ".lora_B."


def merge_deltas(state: Mapping[str, Tensor], alpha: float | None) -> dict[str, Tensor]:
    """W + alpha / r * B A for each matrix W with a delta, under the names that it had before peft; other tensors stay.

    Args:
        state: of a peft model, `....base_layer.weight` (out, in), `....lora_A.default.weight` (r, in) and
            `....lora_B.default.weight` (out, r), or without any delta.
        alpha: the numerator of the scale, which is in no tensor.

    Raises:
        ValueError: a delta lacks its matrix, its other half or its alpha, is no plain LoRA, or there is none for `alpha`.
    """
    deltas = [key for key in sorted(state) if ".lora_" in key]
    if not deltas:
        if alpha is not None:
            raise ValueError(f"it holds no LoRA deltas, but backbone.lora_alpha={alpha:g}: set that to null")
        return dict(state)
    if alpha is None:
        raise ValueError(
            f"it holds LoRA deltas ({deltas[0]}), whose scale no tensor states: add +backbone.lora_alpha=NUMBER, as its authors do"
        )
    if not any(_BASE in key for key in state):
        raise ValueError(
            f"it holds LoRA deltas ({deltas[0]}) without the weights that they change: merge them with peft's merge_and_unload "
            "and give the file of the merged model"
        )
    merged = {key.replace(_BASE, "."): value for key, value in state.items() if key not in deltas}
    left = set(deltas)
    for down in (key for key in deltas if _DOWN in key):
        matrix, up = f"{down.partition(_DOWN)[0]}.weight", down.replace(_DOWN, _UP)
        if up not in left or matrix not in merged:
            raise ValueError(f"its LoRA delta {down} lacks {up if up not in left else matrix}")
        left -= {down, up}
        small, large, weight = state[down].float(), state[up].float(), merged[matrix]
        merged[matrix] = (weight.float() + alpha / len(small) * (large @ small)).to(weight.dtype)
    if left:
        raise ValueError(
            f"it holds {min(left)}, which is no part of a plain LoRA delta: merge it into the weights before"
        )
    return {key.removeprefix(_WRAPPER): value for key, value in merged.items()}
