"""Writes tensors and arrays as safetensors, whatever their layout in memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from xxhash import xxh3_128

from mitofm.ground import below
from mitofm.ground.errors import MitofmError
from mitofm.ground.files import replacing

_SUM = "mitofm.xxh3_128"


def save_tensors(file: Path, tensors: Mapping[str, Tensor | np.ndarray]) -> None:
    """Write `tensors` by name, atomically, each as a contiguous tensor of its own.

    safetensors 0.8.0 writes wrong values of numpy arrays that are not contiguous, and refuses tensors that share memory.
    """
    shared: set[int] = set()
    own = {}
    for name, value in tensors.items():
        if isinstance(value, np.ndarray):  # a copy: torch takes no negative strides and no foreign byte order
            value = torch.from_numpy(np.array(value, dtype=value.dtype.newbyteorder("="), order="C"))
        own[name] = value.detach().cpu().contiguous()
        if (storage := own[name].untyped_storage().data_ptr()) in shared:
            own[name] = own[name].clone()
        shared.add(storage)
    with replacing(file) as temporary:
        save_file(own, temporary, {_SUM: _sum(own)})


def load_tensors(file: Path) -> dict[str, Tensor]:
    """Read what `save_tensors` wrote.

    Raises:
        MitofmError: it holds other numbers than it was written with, of which safetensors has no checksum. Files of before
            `save_tensors` wrote one are taken as they are.
    """
    with safe_open(below.check(file), "pt") as opened:
        stated = (opened.metadata() or {}).get(_SUM)
    tensors = load_file(file)
    if stated not in (None, _sum(tensors)):
        raise MitofmError(f"{file} has changed since it was written: delete the folder {file.parent}, and make it anew")
    return tensors


def _sum(tensors: Mapping[str, Tensor]) -> str:
    found = xxh3_128()
    for name, tensor in sorted(tensors.items()):
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        found.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()
