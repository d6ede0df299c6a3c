"""Resizing of 8-bit images as image libraries do it, on any device."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def resized(images: Tensor, side: int, interpolation: str) -> Tensor:
    """Resize antialiased: uint8 (B, C, H, W) -> whole numbers from 0 to 255, (B, C, side, side), uint8 or float.

    Rows are resized and rounded to 8 bits first, columns then, as Pillow does and torch's 8-bit kernel, which the CPU has
    and is several times faster there. Other devices have none: they take two matrix products, which agree to a grey
    level or two at the odd pixel, and in which half is rounded up as there. (Resized in floating point at once,
    bicubic is twenty grey levels off beside sharp edges, for libraries clip between the two.)

    Args:
        images: of one size.
        side: of the result, px.
        interpolation: `bicubic` or `bilinear`.
    """
    if images.device.type == "cpu":
        return F.interpolate(images, size=(side, side), mode=interpolation, antialias=True)
    return by_products(images, side, interpolation)


def by_products(images: Tensor, side: int, interpolation: str) -> Tensor:
    """As `resized`, on any device: float (B, C, side, side)."""

    def weights(of: int) -> Tensor:  # (side, of): what each pixel of the result takes from a line
        identity = torch.eye(of, device=images.device)[None, None]
        return F.interpolate(identity, size=(side, of), mode=interpolation, antialias=True)[0, 0]

    def rounded(values: Tensor) -> Tensor:
        return values.add_(0.5).floor_().clamp_(0, 255)

    with torch.autocast(images.device.type, enabled=False):
        rows = rounded(images.float() @ weights(images.shape[-1]).T)
        return rounded(weights(images.shape[-2]) @ rows)
