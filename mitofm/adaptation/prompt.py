"""Deep visual prompts: learned tokens beside the image's in every block (VPT-deep, Jia et al. 2022, arXiv 2203.12119)."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from mitofm.adaptation.gradient import Classifier, GradientAdaptation
from mitofm.backbones.build import Backbone
from mitofm.ground.errors import MitofmError
from mitofm.ground.seeds import derive
from mitofm.ground.settings import Count, UpToOne


class PromptedBlock(nn.Module):
    """A transformer block that sees `tokens` prompts after the class and register tokens, and returns none of them.

    Args:
        block: the frozen block, (B, T, D) -> (B, T, D).
        prefix: class and register tokens.
        prompts: (tokens, D), to be trained.
        dropout: on the prompts.
    """

    def __init__(self, block: nn.Module, prefix: int, prompts: Tensor, dropout: float) -> None:
        super().__init__()
        self.block = block
        self.prefix = prefix
        self.prompts = nn.Parameter(prompts)
        self.dropout = nn.Dropout(dropout)
        attention: Any = getattr(block, "attn", None)
        if hasattr(attention, "num_prefix_tokens"):  # rotary positions start after them
            attention.num_prefix_tokens += len(prompts)

    def forward(self, tokens: Tensor, *more: Any, **named: Any) -> Tensor:
        """The block's output for its own tokens: (B, T, D) -> (B, T, D)."""
        prompts = self.dropout(self.prompts.to(tokens.dtype).expand(tokens.shape[0], -1, -1))
        seen = torch.cat([tokens[:, : self.prefix], prompts, tokens[:, self.prefix :]], dim=1)
        out = self.block(seen, *more, **named)
        return torch.cat([out[:, : self.prefix], out[:, self.prefix + len(self.prompts) :]], dim=1)


class Prompt(GradientAdaptation):
    """Trains the prompts of every block, and the head.

    Args:
        tokens: prompts per block.
        dropout: on the prompts.
        name, more: see `GradientAdaptation`.
    """

    def __init__(self, name: str, tokens: Count, dropout: UpToOne, **more: Any) -> None:
        super().__init__(name, **more)
        self.tokens = tokens
        self.dropout = dropout

    def adapt(self, backbone: Backbone, seed: int) -> Classifier:
        """See `GradientAdaptation.adapt`: prompts begin uniform within the paper's bound sqrt(6 / (3 p^2 + D))."""
        trunk = backbone.trunk
        if not (backbone.recipe.of_tokens and hasattr(trunk, "blocks") and hasattr(trunk, "patch_embed")):
            raise MitofmError(
                f"adaptation {self.name!r}: backbone {backbone.spec.name!r} ({backbone.spec.architecture}) has no sequence "
                "of tokens to put prompts into: take a ViT, or adaptation=full"
            )
        backbone.requires_grad_(False)
        width = trunk.embed_dim
        bound = math.sqrt(6 / (3 * math.prod(trunk.patch_embed.patch_size) + width))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(seed, "initialisation", "prompts"))
            for number, block in enumerate(trunk.blocks):
                drawn = torch.empty(self.tokens, width).uniform_(-bound, bound)
                trunk.blocks[number] = PromptedBlock(block, backbone.prefix_tokens, drawn, self.dropout)
        return Classifier(backbone, seed)

    def set_train_mode(self, classifier: Classifier) -> None:
        """Train mode for the prompts' dropout alone."""
        super().set_train_mode(classifier)
        for module in classifier.modules():
            if isinstance(module, PromptedBlock):
                module.dropout.train()
