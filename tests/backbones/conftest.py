"""The zoo on the meta device: every shipped backbone built at full size, without memory and without weights."""

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from torch.overrides import TorchFunctionMode

from mitofm.backbones.build import Backbone, build
from mitofm.backbones.spec import BackboneSpec
from mitofm.backbones.weights import Weights
from mitofm.commands.composing import list_group


class _NoInitialisation(TorchFunctionMode):
    """Meta tensors hold nothing: filling them with random numbers only takes time."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (torch.Tensor.uniform_, torch.Tensor.normal_, torch.Tensor.erfinv_, torch.Tensor.clamp_):
            return args[0]
        return func(*args, **(kwargs or {}))


@pytest.fixture(scope="session")
def on_meta() -> Callable[..., Backbone]:
    """Builds a shipped backbone by name; fields of its YAML may be overridden."""

    @cache
    def built(name: str, **overrides: Any) -> Backbone:
        config = OmegaConf.merge(OmegaConf.load(list_group("backbone")[name]), {"weights": "random", **overrides})
        spec = BackboneSpec.from_config(OmegaConf.to_container(config, resolve=True))
        with torch.device("meta"), _NoInitialisation():
            return build(spec, Weights(None, "random"), seed=0)

    return built
