"""From a spec to a module that turns uint8 patches into embeddings. The one place that imports timm."""

from __future__ import annotations

import mitofm.torchvision_shim  # noqa: F401  before anything imports torchvision

# isort: split

from pathlib import Path
from typing import Any

import timm
import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.nn import functional as F

from mitofm.backbones.recipes import RECIPES
from mitofm.backbones.spec import BackboneSpec
from mitofm.backbones.weights import Weights
from mitofm.errors import MitofmError, unknown
from mitofm.seeds import derive


class Backbone(nn.Module):
    """A timm trunk with its own transform before it and its embedding recipe after it.

    Attributes:
        trunk: the timm model, without a classifier.
        embedding_dim: width of the embeddings.
    """

    trunk: Any  # timm's models have methods that nn.Module does not promise
    mean: Tensor
    std: Tensor

    def __init__(self, trunk: nn.Module, spec: BackboneSpec) -> None:
        super().__init__()
        self.trunk = trunk
        self.spec = spec
        self.recipe = RECIPES[spec.embedding]
        self.embedding_dim = spec.embed_dim * self.recipe.width
        self.register_buffer("mean", torch.tensor(spec.mean).view(1, 3, 1, 1) * 255, persistent=False)
        self.register_buffer("std", torch.tensor(spec.std).view(1, 3, 1, 1) * 255, persistent=False)

    def transform(self, patches: Tensor) -> Tensor:
        """Resize and normalise: uint8 (B, H, W, 3) -> float (B, 3, img_size, img_size).

        The resized image is rounded to 8 bits, as an image library would, so that CPU (whose uint8 kernel is several
        times faster) and CUDA (which has none) agree to one grey level.
        """
        images = patches.permute(0, 3, 1, 2)
        size = (self.spec.img_size, self.spec.img_size)
        if images.shape[-2:] != size:
            on_cpu = images.device.type == "cpu"
            resized = F.interpolate(
                images if on_cpu else images.float(), size=size, mode=self.spec.interpolation, antialias=True
            )
            images = resized if on_cpu else resized.round().clamp(0, 255)
        return ((images.float() - self.mean) / self.std).contiguous()

    def forward(self, patches: Tensor) -> Tensor:
        """Embed uint8 patches: (B, H, W, 3) -> float (B, embedding_dim)."""
        output = self.trunk.forward_features(self.transform(patches))
        if not self.recipe.of_tokens:
            output = self.trunk.forward_head(output, pre_logits=True)
        return self.recipe.apply(output, self.spec.prefix_tokens)


def build(spec: BackboneSpec, weights: Weights, seed: int) -> Backbone:
    """Build the backbone and load its weights, strictly; random weights are drawn from `seed`.

    Raises:
        MitofmError: timm does not know the architecture, cannot build it so, what it builds is not what the spec
            states, or the file does not fit.
    """
    if not timm.is_model(spec.architecture):
        close = timm.list_models(f"*{spec.architecture.split('_')[0]}*")[:12]
        raise unknown("architecture", spec.architecture, close, f"timm {timm.__version__} (those that sound alike)")
    if spec.embedding not in RECIPES:
        raise unknown("backbone.embedding", spec.embedding, RECIPES, f"backbone {spec.name!r}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "initialisation", "backbone"))
        try:
            source = _source(spec, weights.file) if weights.file else {}
            trunk = timm.create_model(spec.architecture, num_classes=0, **spec.kwargs, **source)
        except (RuntimeError, TypeError, ValueError, AssertionError, KeyError, OSError, SafetensorError) as error:
            what = f"load {weights.file}" if weights.file else "be built"
            raise MitofmError(f"backbone {spec.name!r} cannot {what}: {error}") from error
    _check(trunk, spec)
    return Backbone(trunk, spec)


def _source(spec: BackboneSpec, file: Path) -> dict[str, Any]:
    """Arguments that make timm load `file`, resampling position embeddings where needed, and nothing but all of it.

    The classifier is taken out here: where timm drops it itself, it stops loading strictly.
    """
    state = timm.models.load_state_dict(str(file))
    pretrained_cfg = timm.get_pretrained_cfg(spec.architecture)
    classifier = (pretrained_cfg.classifier if pretrained_cfg else None) or ()
    heads = tuple(f"{name}." for name in ([classifier] if isinstance(classifier, str) else classifier))
    state = {key: value for key, value in state.items() if not key.startswith(heads)}
    return {"pretrained": True, "pretrained_cfg_overlay": {"state_dict": state, "num_classes": 0}}


def _check(trunk: nn.Module, spec: BackboneSpec) -> None:
    """Refuse a model that is not the one the spec describes, before anything is computed with it."""
    built = {
        "embed_dim": getattr(trunk, "head_hidden_size", trunk.num_features),
        "prefix_tokens": getattr(trunk, "num_prefix_tokens", 0),
    }
    for key, value in built.items():
        if value != getattr(spec, key):
            raise MitofmError(
                f"backbone {spec.name!r} states {key}={getattr(spec, key)}, but timm's {spec.architecture} has {value}: "
                "correct its YAML"
            )
    has_tokens = hasattr(trunk, "num_prefix_tokens")
    if RECIPES[spec.embedding].of_tokens != has_tokens:
        fitting = [name for name, recipe in RECIPES.items() if recipe.of_tokens == has_tokens]
        raise unknown(
            "backbone.embedding", spec.embedding, fitting, f"backbone {spec.name!r}, whose trunk takes others"
        )
