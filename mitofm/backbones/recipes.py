"""Embedding recipes: from what a trunk returns to one vector per patch. The same recipe serves every adaptation.

One that is changed needs another `spec.EMBEDDING_VERSION`: embeddings made before are in caches.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


def join_cls_and_mean(tokens: Tensor, prefix: int) -> Tensor:
    """The class token and the mean of all after the first `prefix` tokens: (B, T, D) -> (B, 2D)."""
    return torch.cat([tokens[:, 0], tokens[:, prefix:].mean(dim=1)], dim=1)


@dataclass(frozen=True)
class Recipe:
    """How to embed: `apply(output, prefix_tokens)` is (B, `width` x `embed_dim`), of tokens (B, T, D) or pooled features (B, D)."""

    apply: Callable[[Tensor, int], Tensor]
    width: int
    of_tokens: bool = True
    least_prefix: int = 0  # more than the class token for a recipe about registers


RECIPES = {
    "cls": Recipe(lambda tokens, prefix: tokens[:, 0], 1),  # the class token
    "mean": Recipe(lambda tokens, prefix: tokens[:, prefix:].mean(dim=1), 1),  # of the patch tokens
    "cls_mean": Recipe(join_cls_and_mean, 2),
    # The mean of all but the class token, registers among them: a confounder, to measure.
    "cls_mean_with_registers": Recipe(lambda tokens, prefix: join_cls_and_mean(tokens, 1), 2, least_prefix=2),
    "pool": Recipe(lambda features, prefix: features, 1, of_tokens=False),  # as the trunk's own head has pooled
}
