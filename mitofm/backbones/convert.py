"""Checkpoint files as named tensors under timm's names. Files are read as data: nothing in them is executed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError

import safetensors.torch
import timm
import torch
from torch import Tensor

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
_TRUNK_OF_OPEN_CLIP = "visual.trunk."
_WRAPPERS = ("state_dict", "model", "teacher")


def load(file: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint under timm's names, whichever of the layouts found on the hub it has.

    Args:
        file: safetensors, or a pickle of tensors (`.bin`, `.pth`, `.pt`), perhaps under one of `_WRAPPERS`.

    Raises:
        MitofmError: the pickle holds more than tensors.
    """
    state: dict[str, Tensor] = timm.models.clean_state_dict(dict(_read(file)))
    if "embeddings.cls_token" in state:
        return _convert_transformers(state)
    of_trunk = [key for key in state if key.startswith(_TRUNK_OF_OPEN_CLIP)]
    return {key.removeprefix(_TRUNK_OF_OPEN_CLIP): state[key] for key in of_trunk} or state


def _convert_transformers(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the tensors of a ViTModel, Dinov2Model or Dinov2WithRegistersModel, and merge and shift where timm differs.

    timm keeps query, key and value in one matrix. With registers it gives positions to patches alone; there the class
    token carries its own.

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
        positions = renamed["pos_embed"]
        renamed["cls_token"] = renamed["cls_token"] + positions[:, :1]
        renamed["pos_embed"] = positions[:, 1:]
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
