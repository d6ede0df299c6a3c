"""Checkpoint files as named tensors under timm's names. Files are read as data: nothing in them is executed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError

import safetensors.torch
import timm
import torch
from torch import Tensor

from mitofm.backbones.deltas import merge_deltas
from mitofm.ground.errors import MitofmError

# What transformers' ViTModel, Dinov2Model and Dinov2WithRegistersModel call timm's modules, in files on the hub (in
# memory its version 5 calls them otherwise). Applied in this order: a ViT's MLP ends in what its attention ends in too.
_TIMM_NAMES = {
    "embeddings.cls_token": "cls_token",
    "embeddings.position_embeddings": "pos_embed",
    "embeddings.register_tokens": "reg_token",
    "embeddings.patch_embeddings.projection.": "patch_embed.proj.",
    "encoder.layer.": "blocks.",
    ".attention.attention.": ".attn.",
    ".attention.output.dense.": ".attn.proj.",
    ".layernorm_before.": ".norm1.",
    ".layernorm_after.": ".norm2.",
    ".intermediate.dense.": ".mlp.fc1.",
    ".output.dense.": ".mlp.fc2.",
    ".mlp.weights_in.": ".mlp.fc1.",
    ".mlp.weights_out.": ".mlp.fc2.",
    ".layer_scale1.lambda1": ".ls1.gamma",
    ".layer_scale2.lambda1": ".ls2.gamma",
    "layernorm.": "norm.",
}
_NOT_OF_THE_TRUNK = ("embeddings.mask_token", "pooler.")
# The one convolution that every ViT begins with, in timm's words and in transformers'.
_FIRST_LAYER = re.compile(r"(?:(.+\.)?)(?:patch_embed\.proj|embeddings\.patch_embeddings\.projection)\.weight")
# What the repositories of DINOv2 and of KEEP call timm's modules.
_OWN_NAMES = {
    ".mlp.w12.": ".mlp.fc1.",
    ".mlp.w3.": ".mlp.fc2.",
    ".ls1.weight": ".ls1.gamma",
    ".ls2.weight": ".ls2.gamma",
}
_IN_CHUNK = re.compile(r"blocks\.\d+\.(\d+)\.")  # block_chunks of DINOv2: the second number counts through all chunks
_WRAPPERS = ("state_dict", "model", "teacher")


def load(file: Path, lora_alpha: float | None = None) -> dict[str, Tensor]:
    """The tensors of a checkpoint's trunk under timm's names, whichever of the layouts found on the hub it has.

    Args:
        file: safetensors, or a pickle of tensors (`.bin`, `.pth`, `.pt`), perhaps under one of `_WRAPPERS`.
        lora_alpha: of the LoRA deltas that the file holds beside its weights; None if it has none.

    Raises:
        MitofmError: the pickle holds more than tensors.
        KeyError, ValueError: a part is missing, two have one name, there are several trunks or deltas that cannot be merged.
    """
    state = _pick_trunk(merge_deltas(timm.models.clean_state_dict(dict(_read(file))), lora_alpha))
    if "embeddings.cls_token" in state:
        return _convert_transformers(state)
    return _convert_own_names(state) if "cls_token" in state else state


def _pick_trunk(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Only what is under the trunk's prefix (`visual.trunk.`, `backbone.`, ...), without it.

    Text towers, heads and poolers are elsewhere in a file. Without a prefix, or if it is no ViT, everything is taken.
    """
    prefixes = sorted({found[1] or "" for key in state if (found := _FIRST_LAYER.fullmatch(key))})
    if not prefixes or "" in prefixes:
        return dict(state)
    if len(prefixes) > 1:
        listed = ", ".join(prefixes)
        raise ValueError(
            f"it holds several trunks ({listed}), and which one is meant it does not say: save one of them alone"
        )
    return {key.removeprefix(prefixes[0]): value for key, value in state.items() if key.startswith(prefixes[0])}


def _convert_own_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the tensors of a ViT of DINOv2's repository, or of KEEP's; what has timm's names already stays.

    Raises:
        KeyError: it has registers, but no positions.
        ValueError: two tensors have one name without their chunks.
    """
    fused = any(".mlp.w12." in key for key in state)  # else w3 is one of three matrices, which timm knows
    renamed: dict[str, Tensor] = {}
    for key, value in state.items():
        name = _IN_CHUNK.sub(r"blocks.\1.", key, count=1)
        for theirs, ours in _OWN_NAMES.items():
            if fused or ".mlp." not in theirs:
                name = name.replace(theirs, ours)
        if name in renamed:
            raise ValueError(f"{key} and another tensor are both {name}: its blocks are not counted through all chunks")
        renamed[name] = value
    if "register_tokens" in renamed:
        renamed["reg_token"] = renamed.pop("register_tokens")
        _move_class_position(renamed)
    return renamed


def _move_class_position(state: dict[str, Tensor]) -> None:
    """With registers timm gives positions to patches alone; there the class token carries its own."""
    positions = state["pos_embed"]
    state["cls_token"] = state["cls_token"] + positions[:, :1]
    state["pos_embed"] = positions[:, 1:]


def _convert_transformers(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the tensors of a ViTModel, Dinov2Model or Dinov2WithRegistersModel, and merge and shift where timm differs.

    timm keeps query, key and value in one matrix.

    Raises:
        KeyError: a part of a matrix is missing.
    """
    renamed = {}
    for key, value in state.items():
        if not key.startswith(_NOT_OF_THE_TRUNK):
            for theirs, ours in _TIMM_NAMES.items():
                key = key.replace(theirs, ours)
            renamed[key] = value
    for query in [key for key in renamed if ".attn.query." in key]:
        parts = [renamed.pop(query.replace(".query.", f".{part}.")) for part in ("query", "key", "value")]
        renamed[query.replace(".query.", ".qkv.")] = torch.cat(parts)
    if "reg_token" in renamed:
        _move_class_position(renamed)
    return renamed


def _read(file: Path) -> Mapping[str, Tensor]:
    if file.suffix == ".safetensors":
        return safetensors.torch.load_file(file)
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        raise MitofmError(
            f"{file} is no plain file of tensors: it may be damaged, or it holds objects that could run code, which is "
            "never allowed here. Get it as safetensors, or as a state_dict of tensors alone"
        ) from error
    while isinstance(state, Mapping) and (wrapped := [key for key in _WRAPPERS if isinstance(state.get(key), Mapping)]):
        state = state[wrapped[0]]
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise MitofmError(f"{file} holds no state_dict: names with a tensor each are expected in it")
    return state
