"""Embedding recipes: from what a trunk returns to one vector per patch. The same recipe serves every adaptation.

One that is changed needs another `spec.EMBEDDING_VERSION`: embeddings made before are in caches.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


def cls(tokens: Tensor, prefix: int) -> Tensor:
    """The class token: (B, T, D) -> (B, D)."""
    return tokens[:, 0]


def mean(tokens: Tensor, prefix: int) -> Tensor:
    """The mean of the patch tokens, class and register tokens left out: (B, T, D) -> (B, D)."""
    return tokens[:, prefix:].mean(dim=1)


def cls_mean(tokens: Tensor, prefix: int) -> Tensor:
    """Class token and mean of the patch tokens, concatenated: (B, T, D) -> (B, 2D)."""
    return torch.cat([cls(tokens, prefix), mean(tokens, prefix)], dim=1)


def cls_mean_with_registers(tokens: Tensor, prefix: int) -> Tensor:
    """Class token and mean of all others, registers among them: a confounder, to measure. (B, T, D) -> (B, 2D)."""
    return torch.cat([cls(tokens, prefix), mean(tokens, 1)], dim=1)


def pool(features: Tensor, prefix: int) -> Tensor:
    """Features the trunk's own head has pooled: (B, D) -> (B, D)."""
    return features


@dataclass(frozen=True)
class Recipe:
    """How to embed: `apply(output, prefix_tokens)` gives `width` x `embed_dim` numbers, of tokens or of pooled features.

    A recipe about registers needs `least_prefix` tokens, more than the class token.
    """

    apply: Callable[[Tensor, int], Tensor]
    width: int
    of_tokens: bool
    least_prefix: int = 0


RECIPES = {
    "cls": Recipe(cls, 1, of_tokens=True),
    "mean": Recipe(mean, 1, of_tokens=True),
    "cls_mean": Recipe(cls_mean, 2, of_tokens=True),
    "cls_mean_with_registers": Recipe(cls_mean_with_registers, 2, of_tokens=True, least_prefix=2),
    "pool": Recipe(pool, 1, of_tokens=False),
}
