"""Resizing of 8-bit images as image libraries do it, on any device."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def resize(images: Tensor, side: int, interpolation: str) -> Tensor:
    """Resize antialiased: uint8 (B, C, H, W) -> whole numbers from 0 to 255, (B, C, side, side), uint8 or float.

    Rows are resized and rounded to 8 bits first, columns then, as by Pillow and by torch's 8-bit kernel, which only the CPU
    has. Other devices take two matrix products, which agree to a grey level or two at the odd pixel and round half up too.
    (Bicubic in floating point at once is twenty grey levels off beside sharp edges: libraries clip between the two.)

    Args:
        side: of the result, px.
        interpolation: `bicubic` or `bilinear`.
    """
    if images.device.type == "cpu":
        return F.interpolate(images, size=(side, side), mode=interpolation, antialias=True)
    return resize_by_products(images, side, interpolation)


def resize_by_products(images: Tensor, side: int, interpolation: str) -> Tensor:
    """As `resize`, on any device: float (B, C, side, side)."""

    def weights(of: int) -> Tensor:  # (side, of): what each pixel of the result takes from a line
        identity = torch.eye(of, device=images.device)[None, None]
        return F.interpolate(identity, size=(side, of), mode=interpolation, antialias=True)[0, 0]

    def round_off(values: Tensor) -> Tensor:
        return values.add_(0.5).floor_().clamp_(0, 255)

    with torch.autocast(images.device.type, enabled=False):
        rows = round_off(images.float() @ weights(images.shape[-1]).T)
        return round_off(weights(images.shape[-2]) @ rows)
