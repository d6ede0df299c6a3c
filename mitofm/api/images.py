"""Refuses arrays that are no patches, and says how to turn them into some."""

from __future__ import annotations

from typing import Any

import numpy as np

from mitofm.ground.errors import MitofmError

_CHANNELS, _DIMENSIONS, _HIGHEST = 3, 4, 255


def check_patches(images: Any, side: int | None = None) -> np.ndarray:
    """Images as an array (n, side, side, 3) uint8, RGB.

    Args:
        images: what was given.
        side: that they must have; None: any.

    Raises:
        MitofmError: they are something else; says what, and the line that mends it if there is one.
    """
    found = np.asarray(images)
    said = f"images are {found.dtype} {found.shape}, and what is wanted is uint8 (n, height, width, 3)"
    if found.ndim == _DIMENSIONS - 1 and found.shape[-1] == _CHANNELS:
        raise MitofmError(f"{said}: one image is images[None]")
    if found.ndim != _DIMENSIONS:
        raise MitofmError(said)
    if found.shape[-1] != _CHANNELS:
        way = {_CHANNELS: "channels come last, images.transpose(0, 2, 3, 1)"}.get(found.shape[1])
        more = {1: "one channel is images.repeat(3, axis=3)", 4: "without transparency it is images[..., :3]"}
        raise MitofmError(f"{said}: {way or more.get(found.shape[-1], 'three channels, RGB')}")
    if found.dtype != np.uint8:
        raise MitofmError(
            f"{said}: from 0 to {_HIGHEST}; of floats from 0 to 1 that is (images * 255).round().astype('uint8')"
        )
    if found.shape[1] != found.shape[2]:
        raise MitofmError(f"{said}: patches are squares")
    if side is not None and found.shape[1] != side:
        raise MitofmError(f"{said}: this cell was trained on patches of {side} px, so it takes no others")
    return np.ascontiguousarray(found)
