"""From a spec to a module that turns uint8 patches into embeddings. The one place that imports timm."""

from __future__ import annotations

import mitofm.ground.torchvision_shim  # noqa: F401  before anything imports torchvision

# isort: split

import logging
import re
from collections.abc import Mapping
from functools import partial
from textwrap import shorten
from typing import Any

import timm
import torch
from safetensors import SafetensorError
from timm.layers import SwiGLUPacked
from torch import Tensor, nn

from mitofm.backbones import channelwise, convert  # noqa: F401  `channelwise` registers itself with timm
from mitofm.backbones.conv_stem import ConvStem
from mitofm.backbones.recipes import RECIPES
from mitofm.backbones.resize import resize
from mitofm.backbones.spec import BackboneSpec
from mitofm.backbones.weights import Weights
from mitofm.ground.errors import Infeasible, MitofmError, unknown
from mitofm.ground.seeds import derive

# fp32 is fp32: by default cuDNN rounds what a convolution takes (every ViT's patches, all of a CNN) to 10 bits of mantissa.
torch.backends.cudnn.allow_tf32 = False

logging.getLogger("timm").setLevel(logging.WARNING)  # it tells in every cell that it loads weights

# What a YAML may name in its kwargs if timm wants a Python object.
LAYERS = {
    "SwiGLUPacked": SwiGLUPacked,
    "SiLU": nn.SiLU,
    "LayerNorm_eps1e-12": partial(nn.LayerNorm, eps=1e-12),
    "ConvStem": ConvStem,
}

# What timm, torch and safetensors raise if a model cannot be built so, or if a file is damaged or does not fit.
_REFUSALS = (RuntimeError, TypeError, ValueError, AssertionError, LookupError, OSError, EOFError, SafetensorError)


class Backbone(nn.Module):
    """A timm trunk, without a classifier, with its own transform before it and its embedding recipe after it.

    Attributes:
        embedding_dim: width of the embeddings.
        shape: of the embedding of one patch, (embedding_dim,).
        prefix_tokens: class and register tokens before the patch tokens.
    """

    trunk: Any  # timm's models have methods that nn.Module does not promise
    mean: Tensor
    std: Tensor

    def __init__(self, trunk: nn.Module, spec: BackboneSpec) -> None:
        super().__init__()
        built = _measure(trunk)
        self.trunk = trunk
        self.spec = spec
        self.recipe = RECIPES[spec.embedding]
        self.embedding_dim = built["embed_dim"] * self.recipe.width
        self.shape = (self.embedding_dim,)
        self.prefix_tokens = built["prefix_tokens"]
        self.register_buffer("mean", torch.tensor(spec.mean).view(1, 3, 1, 1) * 255, persistent=False)
        self.register_buffer("std", torch.tensor(spec.std).view(1, 3, 1, 1) * 255, persistent=False)

    def transform(self, patches: Tensor) -> Tensor:
        """Resize and normalise: uint8 (B, H, W, 3) -> float (B, 3, img_size, img_size).

        Other numbers need another `spec.EMBEDDING_VERSION`, as those of a recipe do.
        """
        images, side = patches.permute(0, 3, 1, 2), self.spec.img_size
        if images.shape[-2:] != (side, side):
            images = resize(images, side, self.spec.interpolation)
        return ((images.float() - self.mean) / self.std).contiguous()

    def forward(self, patches: Tensor) -> Tensor:
        """Embed uint8 patches: (B, H, W, 3) -> float (B, embedding_dim)."""
        return self.embed(self.transform(patches))

    def embed(self, images: Tensor) -> Tensor:
        """Embed what `transform` gives: (B, 3, img_size, img_size) -> float (B, embedding_dim)."""
        output = self.trunk.forward_features(images)
        if not self.recipe.of_tokens:
            output = self.trunk.forward_head(output, pre_logits=True)
        return self.recipe.apply(output, self.prefix_tokens)


def build(spec: BackboneSpec, weights: Weights, seed: int) -> Backbone:
    """Build the backbone and load its weights, strictly; random weights are drawn from `seed`.

    Raises:
        MitofmError: timm does not know the architecture, cannot build it so, what it builds is not what the spec
            states, or the file is damaged, holds more than tensors or does not fit.
    """
    if not timm.is_model(spec.architecture):
        close = timm.list_models(f"*{spec.architecture.split('_')[0]}*")[:12]
        raise unknown("architecture", spec.architecture, close, f"timm {timm.__version__} (those that sound alike)")
    if spec.embedding not in RECIPES:
        raise unknown("backbone.embedding", spec.embedding, RECIPES, f"backbone {spec.name!r}")
    kwargs = dict(spec.kwargs)
    for key in [key for key in kwargs if key.endswith("_layer")]:
        if kwargs[key] not in LAYERS:
            raise unknown("layer", kwargs[key], LAYERS, f"backbone {spec.name!r}")
        kwargs[key] = LAYERS[kwargs[key]]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "initialisation", "backbone"))
        try:
            state = convert.load(weights.file, spec.lora_alpha) if weights.file else {}
            source = _make_source(spec, state) if weights.file else {}
            trunk = timm.create_model(spec.architecture, num_classes=0, **kwargs, **source)
        except _REFUSALS as error:
            what = f"load {weights.file}" if weights.file else "be built"
            raise MitofmError(f"backbone {spec.name!r} cannot {what}: {shorten(str(error), 600)}") from error
    _check(trunk, spec, state)
    return Backbone(trunk, spec)


def _make_source(spec: BackboneSpec, state: Mapping[str, Tensor]) -> dict[str, Any]:
    """Arguments that make timm load `state` strictly, resampling position embeddings if needed.

    The classifier is taken out here: if timm drops it itself, it stops loading strictly.
    """
    classifier = getattr(timm.get_pretrained_cfg(spec.architecture), "classifier", None) or ()
    heads = tuple(f"{name}." for name in ([classifier] if isinstance(classifier, str) else classifier))
    state = {key: value for key, value in state.items() if not key.startswith(heads)}
    return {"pretrained": True, "pretrained_cfg_overlay": {"state_dict": state, "num_classes": 0}}


def _check(trunk: Any, spec: BackboneSpec, state: Mapping[str, Tensor]) -> None:
    """Refuse a model that is not the one the spec describes, before anything is computed with it.

    So is what timm would resample: weights for another patch size, images of another side.
    """
    embed: Any = getattr(trunk, "patch_embed", None)
    loaded = state.get("patch_embed.proj.weight")
    if loaded is not None and loaded.shape != embed.proj.weight.shape:
        raise MitofmError(
            f"backbone {spec.name!r} cuts patches of {tuple(embed.patch_size)} px, but its weights are for patches of "
            f"{tuple(loaded.shape[2:])} px: they belong to another architecture"
        )
    side = getattr(embed, "img_size", None)
    if side is not None and tuple(side) != (spec.img_size, spec.img_size):
        raise MitofmError(
            f"backbone.img_size={spec.img_size} of backbone {spec.name!r}, but its {spec.architecture} takes {side[0]} px: "
            f"set that, or add +backbone.kwargs.img_size={spec.img_size}"
        )
    for key, value in _measure(trunk).items():
        if getattr(spec, key) not in (None, value):
            raise MitofmError(
                f"backbone {spec.name!r} states {key}={getattr(spec, key)}, but timm's {spec.architecture} has {value}: "
                "correct its YAML"
            )
    has_tokens = hasattr(trunk, "num_prefix_tokens")
    if RECIPES[spec.embedding].of_tokens != has_tokens:
        fitting = [name for name, recipe in RECIPES.items() if recipe.of_tokens == has_tokens]
        place = f"backbone {spec.name!r}, whose trunk takes others"
        raise unknown("backbone.embedding", spec.embedding, fitting, place)
    if spec.embedding.startswith("cls") and getattr(trunk, "cls_token", None) is None:
        raise MitofmError(
            f"backbone {spec.name!r} has no class token for backbone.embedding={spec.embedding}: take backbone.embedding=mean"
        )
    if has_tokens and trunk.num_prefix_tokens < RECIPES[spec.embedding].least_prefix:
        raise Infeasible(f"backbone {spec.name!r} has no registers for backbone.embedding={spec.embedding} to take in")


def _measure(trunk: Any) -> dict[str, int]:
    """What a spec may state of a trunk."""
    return {
        "embed_dim": getattr(trunk, "head_hidden_size", trunk.num_features),
        "prefix_tokens": getattr(trunk, "num_prefix_tokens", 0),
        "depth": sum(bool(re.fullmatch(r"(.+\.)?blocks\.\d+", name)) for name, _ in trunk.named_modules()),
    }
