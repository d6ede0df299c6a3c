"""A contrastive masked autoencoder (Mishra et al. 2022, arXiv 2210.16870): timm's ViT encodes the visible patches of two views;
a small decoder predicts the others (He et al., CVPR 2022, arXiv 2111.06377), and a contrast pulls views of a place together."""

from __future__ import annotations

import mitofm.ground.torchvision_shim  # noqa: F401  before anything imports torchvision

# isort: split

from typing import Any

import torch
from timm.layers import build_sincos2d_pos_embed
from timm.models.vision_transformer import Block
from torch import Tensor, nn
from torch.nn import functional as F

from mitofm.ground.errors import MitofmError


class _Visible(nn.Module):
    """Takes the place of timm's `patch_drop`: passes the prefix tokens and the patch tokens at `kept` (B, k), or all if it is None."""

    def __init__(self, prefix_tokens: int) -> None:
        super().__init__()
        self.prefix_tokens = prefix_tokens
        self.kept: Tensor | None = None

    def forward(self, tokens: Tensor) -> Tensor:
        if self.kept is None:
            return tokens
        prefix, patches = tokens[:, : self.prefix_tokens], tokens[:, self.prefix_tokens :]
        return torch.cat([prefix, _gather(patches, self.kept)], dim=1)


class MaskedAutoencoder(nn.Module):
    """Trains `trunk` to encode some patches of an image so that the others can be predicted from them.

    Args:
        trunk: a timm ViT whose tokens are prefix tokens and then one per patch.
        mask: share of the patches that are hidden.
        width, depth, heads: of the decoder.
        projection: width of the vectors by which views are compared.
        temperature: of that comparison.

    Raises:
        MitofmError: the trunk is not such a ViT, or the mask hides no or all patches.
    """

    trunk: Any  # timm's models have attributes that nn.Module does not promise
    positions: Tensor

    def __init__(
        self, trunk: Any, mask: float, width: int, depth: int, heads: int, projection: int, temperature: float
    ) -> None:
        super().__init__()
        if not hasattr(trunk, "patch_drop") or not hasattr(trunk, "pos_embed"):
            raise MitofmError("pretraining needs a plain ViT of timm (with position embeddings), such as backbone=nano")
        self.trunk = trunk
        self.grid = trunk.patch_embed.grid_size
        self.patch = trunk.patch_embed.patch_size[0]
        self.patches = trunk.patch_embed.num_patches
        self.visible = round(self.patches * (1 - mask))
        if not 0 < self.visible < self.patches:
            raise MitofmError(f"mask={mask} leaves {self.visible} of {self.patches} patches visible: take 0.5 to 0.9")
        self.prefix_tokens = trunk.num_prefix_tokens
        trunk.patch_drop = _Visible(self.prefix_tokens)
        with torch.no_grad():  # they are learned, from the values that the paper keeps fixed
            trunk.pos_embed[:, -self.patches :] = build_sincos2d_pos_embed(self.grid, dim=trunk.embed_dim)
        self.embed = nn.Linear(trunk.embed_dim, width)
        self.hidden = nn.Parameter(torch.zeros(1, 1, width))
        self.register_buffer("positions", build_sincos2d_pos_embed(self.grid, dim=width)[None], persistent=False)
        self.blocks = nn.Sequential(*(Block(width, heads, qkv_bias=True) for _ in range(depth)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, self.patch**2 * 3)
        self.project = nn.Sequential(
            nn.Linear(2 * trunk.embed_dim, 4 * projection), nn.GELU(), nn.Linear(4 * projection, projection)
        )
        self.temperature = temperature
        nn.init.normal_(self.hidden, std=0.02)
        attentions: list[Any] = [module for module in self.modules() if hasattr(module, "fused_attn")]
        for attention in attentions:  # for so few tokens it takes 1.5 times as long on a CPU
            attention.fused_attn = False

    def forward(self, images: Tensor, order: Tensor) -> tuple[Tensor, Tensor]:
        """The mean squared error of the hidden patches, each standardised by its own mean and deviation, and the contrast.

        Args:
            images: (B, 3, side, side), normalised; the second half shows the places of the first.
            order: (B, patches), a permutation for each image; its first patches are visible.
        """
        self.trunk.patch_drop.kept = order[:, : self.visible]
        tokens = self.trunk.forward_features(images)
        seen = self.embed(tokens)
        self.trunk.patch_drop.kept = None
        hidden = self.hidden.to(seen.dtype).expand(len(images), self.patches - self.visible, -1)
        shuffled = torch.cat([seen[:, self.prefix_tokens :], hidden], dim=1) + _gather(
            self.positions.expand(len(images), -1, -1), order
        )
        decoded = self.blocks(torch.cat([seen[:, : self.prefix_tokens], shuffled], dim=1))
        hidden_from = self.prefix_tokens + self.visible
        predicted = self.head(self.norm(decoded[:, hidden_from:]))
        targets = _gather(self._pixels(images), order[:, self.visible :])
        return F.mse_loss(predicted.float(), F.layer_norm(targets.float(), targets.shape[-1:])), self._contrast(tokens)

    def _contrast(self, tokens: Tensor) -> Tensor:
        """The cross-entropy of finding, for each view, the other view of its place in the batch (NT-Xent)."""
        patches = tokens[:, self.prefix_tokens :].mean(dim=1)
        views = F.normalize(self.project(torch.cat([tokens[:, 0], patches], dim=1)).float(), dim=1)
        alike = (views @ views.T / self.temperature).fill_diagonal_(-torch.inf)
        return F.cross_entropy(alike, torch.arange(len(views), device=views.device).roll(len(views) // 2))

    def _pixels(self, images: Tensor) -> Tensor:
        """The pixels of each patch, (B, patches, values), in the order of the tokens."""
        return F.unfold(images, self.patch, stride=self.patch).transpose(1, 2)


def _gather(tokens: Tensor, places: Tensor) -> Tensor:
    """The tokens (B, n, width) at `places` (B, k): (B, k, width)."""
    return tokens.gather(1, places[..., None].expand(-1, -1, tokens.shape[-1]))
