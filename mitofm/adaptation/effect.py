"""Which layers of a backbone its embedding depends on by way of their forward pass, where an adapter would sit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn

from mitofm.backbones.build import Backbone

_known: dict[tuple[str, ...], list[str]] = {}


def find_idle(backbone: Backbone, layers: Sequence[str]) -> list[str]:
    """Those of `layers` (names) whose output never reaches the embedding: an adapter in one of them would learn nothing.

    Some of timm's attentions multiply by a layer's weight themselves and never call the layer. One patch passes through
    a twin on the meta device: shapes alone, no numbers, so that a giant costs a second and no random stream moves; once
    for the cells of a sweep, since weights do not matter.
    """
    spec = backbone.spec
    key = (spec.architecture, repr(spec.kwargs), str(spec.img_size), spec.embedding, *layers)
    if key not in _known:
        _known[key] = _look_for_idle(backbone, layers)
    return _known[key]


def _look_for_idle(backbone: Backbone, layers: Sequence[str]) -> list[str]:
    weights = {id(one): nn.Parameter(torch.empty_like(one, device="meta")) for one in backbone.parameters()}
    buffers = {id(one): torch.empty_like(one, device="meta") for one in backbone.buffers()}
    twin = deepcopy(backbone, {**weights, **buffers}).eval()
    outputs: dict[str, list[Tensor]] = {name: [] for name in layers}
    for name, found in outputs.items():
        twin.get_submodule(name).register_forward_hook(lambda layer, inputs, output, found=found: found.append(output))
    size = backbone.spec.img_size
    return _find_unreached(twin(torch.empty((1, size, size, 3), dtype=torch.uint8, device="meta")), outputs)


def find_untrained(backbone: Backbone, layers: Mapping[str, nn.Module]) -> list[str]:
    """Those of `layers` (adapters by name) none of whose trained parameters gets a gradient from the embedding of a patch.

    A gradient of zero counts as one: random norms of some backbones begin at 0. No random stream moves, and no gradient is
    left.

    Raises:
        FloatingPointError: the embedding is not finite.
    """
    size, generator = backbone.spec.img_size, torch.Generator().manual_seed(0)
    patch = torch.randint(0, 256, (1, size, size, 3), dtype=torch.uint8, generator=generator)
    with torch.random.fork_rng(devices=[]):
        embedding = backbone.eval()(patch)
    if not embedding.isfinite().all():
        raise FloatingPointError("its embedding of a patch is not finite")
    trained = {name: [one for one in layer.parameters() if one.requires_grad] for name, layer in layers.items()}
    return _find_unreached(embedding, trained)


def _find_unreached(embedding: Tensor, tensors: Mapping[str, Sequence[Tensor]]) -> list[str]:
    """The names of those of whose tensors none has a gradient from the embedding."""
    every = [one for named in tensors.values() for one in named]
    if not every or not embedding.requires_grad:
        return list(tensors)
    gradients = torch.autograd.grad(embedding.sum(), every, allow_unused=True)
    reached = {id(one) for one, gradient in zip(every, gradients, strict=True) if gradient is not None}
    return [name for name, named in tensors.items() if not reached & set(map(id, named))]
