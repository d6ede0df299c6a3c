"""The convolutional stem of CTransPath; an ordinary Swin cuts its patches with a single convolution."""

from __future__ import annotations

from typing import Any

from timm.layers import PatchEmbed
from torch import nn


class ConvStem(PatchEmbed):
    """Two strided 3x3 convolutions and a pointwise one instead of a 4x4 one (Wang et al. 2022, Medical Image Analysis 81).

    Layers and names are those of the published checkpoint.
    """

    proj: Any  # a single convolution in the parent

    def __init__(self, *, in_chans: int = 3, embed_dim: int, **kwargs: Any) -> None:
        super().__init__(in_chans=in_chans, embed_dim=embed_dim, **kwargs)
        narrow, wide = embed_dim // 8, embed_dim // 4
        self.proj = nn.Sequential(
            nn.Conv2d(in_chans, narrow, kernel_size=3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(narrow),
            nn.ReLU(inplace=True),
            nn.Conv2d(narrow, wide, kernel_size=3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(wide),
            nn.ReLU(inplace=True),
            nn.Conv2d(wide, embed_dim, kernel_size=1),
        )
