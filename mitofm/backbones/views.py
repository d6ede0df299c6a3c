"""A backbone seen through the eight dihedral views: tissue has no up, and no left-handed twin that means another label."""

from __future__ import annotations

import torch
from torch import Tensor, nn

VIEWS = 8


def turn(patches: Tensor, view: int) -> Tensor:
    """Patches (B, H, W, C) in one of the eight views: 0 as they are, 1 to 3 turned by so many quarters, 4 to 7 mirrored first."""
    return torch.rot90(patches.flip(2) if view >= 4 else patches, view % 4, (1, 2))


class DihedralMean(nn.Module):
    """The mean of what `embedder` gives for the four rotations of a patch and of its mirror image.

    It turns uint8 patches (B, H, W, 3) into features (B, D), or (B, h, w, D) on a grid. The latter are turned back first, so
    that the mean is of the same place.
    """

    def __init__(self, embedder: nn.Module) -> None:
        super().__init__()
        self.embedder = embedder
        self.shape = embedder.shape

    def forward(self, patches: Tensor) -> Tensor:
        """As `embedder`, at eight times the cost."""
        views = []
        for view in range(VIEWS):
            features = self.embedder(turn(patches, view)).float()
            if features.ndim == 4:
                features = torch.rot90(features, -(view % 4), (1, 2))
                features = features.flip(2) if view >= 4 else features
            views.append(features)
        return torch.stack(views).mean(dim=0)
