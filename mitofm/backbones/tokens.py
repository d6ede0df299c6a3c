"""Patch tokens of a frozen backbone: cached if they fit on the disk, else computed again at every pass."""

from __future__ import annotations

import logging
import math
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mitofm.backbones.build import Backbone
from mitofm.backbones.embeddings import cache_embeddings, embed, locate_embeddings
from mitofm.data.patches import PatchStore
from mitofm.ground.errors import MitofmError

STORED = np.float16  # half the room; what follows a trunk's last norm is far from its limits

_log = logging.getLogger(__name__)


class PatchTokens(nn.Module):
    """The patch tokens a backbone ends with, class and register tokens left out, on their grid.

    Raises:
        MitofmError: the trunk has no tokens on a square grid.
    """

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone
        count = getattr(getattr(backbone.trunk, "patch_embed", None), "num_patches", 0)
        self.side = round(count**0.5)
        if not backbone.recipe.of_tokens or not count or self.side**2 != count:
            raise MitofmError(
                f"backbone {backbone.spec.name!r} ({backbone.spec.architecture}) ends with no grid of patch tokens to "
                "attend to: take a ViT, or adaptation=mlp_probe"
            )
        self.shape = (self.side, self.side, backbone.embedding_dim // backbone.recipe.width)

    def forward(self, patches: Tensor) -> Tensor:
        """uint8 (B, H, W, 3) -> float (B, h, w, D)."""
        tokens = self.backbone.trunk.forward_features(self.backbone.transform(patches))
        return tokens[:, self.backbone.prefix_tokens :].unflatten(1, (self.side, self.side))


class Tokens:
    """Patch tokens of a store as features: `tokens[rows]` is float32 (n, T, D), of what `read` gives, (n, h, w, D)."""

    def __init__(self, read: Callable[[np.ndarray], np.ndarray]) -> None:
        self._read = read

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        tokens = self._read(rows)
        tokens = tokens.reshape(len(tokens), -1, tokens.shape[-1]).astype(np.float32)
        if not np.isfinite(tokens).all():
            raise MitofmError(
                f"the backbone gives patch tokens that are not finite, or beyond {np.finfo(STORED).max:.0f}: check its "
                "weights and its transform, or take fit.precision=fp32"
            )
        return tokens


def open_tokens(
    store: PatchStore,
    fingerprint: str,
    cache: Path,
    embedder: Callable[[], Any],
    *,
    device: torch.device,
    precision: torch.dtype,
    limit_gb: float,
) -> Tokens:
    """The tokens of `store`, rounded to float16: cached if all of them fit, else computed whenever they are read.

    They fit if they take at most `limit_gb` (10^9 bytes) and at most half of the room that is left on the disk. Either way
    the numbers are the same, to the last digit of a float16. `embedder` builds a `PatchTokens`; the other arguments are
    those of `cache_embeddings`.
    """
    if not locate_embeddings(store, fingerprint, cache).is_file():
        built = embedder()
        size = len(store.table) * math.prod(built.shape) * STORED().itemsize
        cache.mkdir(parents=True, exist_ok=True)
        if size > min(limit_gb * 1e9, shutil.disk_usage(cache).free / 2):
            _log.info("tokens are computed at every pass: all of them would take %.0f GB of disk", size / 1e9)
            embed_here = partial(embed, store, embedder=built, device=device, precision=precision)
            return Tokens(lambda rows: np.concatenate([features.astype(STORED) for _, features in embed_here(rows)]))
        embedder = lambda: built  # noqa: E731
    array = cache_embeddings(store, fingerprint, cache, embedder, device=device, precision=precision, dtype=STORED)
    return Tokens(array.__getitem__)
