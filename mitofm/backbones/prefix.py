"""The frozen first blocks of a ViT apart from the rest: what they give depends on the patch alone, so that it can be kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mitofm.backbones.build import Backbone
from mitofm.backbones.views import turn


def count_frozen(backbone: Backbone) -> int:
    """How many blocks come before the first with a parameter that is trained; 0 if anything before the blocks is."""
    trunk = backbone.trunk
    blocks = getattr(trunk, "blocks", None)
    if not backbone.recipe.of_tokens or not isinstance(blocks, nn.Sequential | nn.ModuleList):
        return 0
    behind = {*blocks.parameters(), *trunk.norm.parameters()}
    if any(parameter.requires_grad and parameter not in behind for parameter in backbone.parameters()):
        return 0
    trained = [any(parameter.requires_grad for parameter in block.parameters()) for block in blocks]
    return trained.index(True) if True in trained else 0


class Prefix(nn.Module):
    """What the first `depth` blocks give for patches in one view, in the shape `shape` (T, D) for each."""

    def __init__(self, backbone: Backbone, depth: int, view: int) -> None:
        super().__init__()
        self.backbone, self.depth, self.view = backbone, depth, view
        side = backbone.spec.img_size
        with torch.inference_mode():
            self.shape = tuple(
                self(torch.zeros(1, side, side, 3, dtype=torch.uint8, device=backbone.mean.device)).shape[1:]
            )

    def forward(self, patches: Tensor) -> Tensor:
        """uint8 (B, H, W, 3) -> float (B, T, D)."""

        def stop(_: nn.Module, args: tuple[Tensor, ...], kwargs: dict[str, Any]) -> None:
            raise _Reached(args[0])

        try:
            with _hooked([self.backbone.trunk.blocks[self.depth]], stop):
                self.backbone(turn(patches, self.view))
        except _Reached as reached:
            return reached.tokens
        raise AssertionError("a backbone's forward pass calls each of its blocks")


@dataclass(frozen=True)
class Suffix:
    """The rest of the backbone: tokens (B, T, D) of a `Prefix` of this `depth` -> embeddings (B, embedding_dim).

    Attributes:
        given: what each block takes beside tokens, such as rotary embeddings: the same for all patches.
    """

    backbone: Backbone
    depth: int
    given: list[tuple[tuple[Any, ...], dict[str, Any]]]

    def __call__(self, tokens: Tensor) -> Tensor:
        """Embed."""
        trunk = self.backbone.trunk
        for block, (args, kwargs) in zip(trunk.blocks[self.depth :], self.given, strict=True):
            tokens = block(tokens, *args, **kwargs)
        return self.backbone.recipe.apply(trunk.norm(tokens), self.backbone.prefix_tokens)


@torch.no_grad()
def split(backbone: Backbone, depth: int, patches: Tensor) -> Suffix | None:
    """The backbone after its first `depth` blocks; None if for `patches`, uint8 (B, H, W, 3), both parts give not what it gives whole.

    That is so if anything else than tokens depends on the patch, or a block is called more than once.
    """
    given: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def note(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        given.append((args[1:], kwargs))

    blocks = backbone.trunk.blocks[depth:]
    with _hooked(blocks, note):
        backbone(patches[:1])
    suffix = Suffix(backbone, depth, given)
    if len(given) != len(blocks):
        return None
    parted = suffix(Prefix(backbone, depth, view=0)(patches).float())
    return suffix if torch.equal(parted, backbone(patches)) else None


class _Reached(Exception):
    """The tokens that a block would have been given."""

    def __init__(self, tokens: Tensor) -> None:
        super().__init__()
        self.tokens = tokens


@contextmanager
def _hooked(modules: Any, hook: Callable[..., None]) -> Iterator[None]:
    handles = [module.register_forward_pre_hook(hook, with_kwargs=True) for module in modules]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
