"""Writes tensors and arrays as safetensors, whatever their layout in memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from mitofm.ground import below
from mitofm.ground.files import replacing


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
        save_file(own, temporary)


def load_tensors(file: Path) -> dict[str, Tensor]:
    """Read what `save_tensors` wrote."""
    return load_file(below.check(file))
