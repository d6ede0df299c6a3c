"""The zoo on the meta device: every shipped backbone built at full size, without memory and without weights."""

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from omegaconf import OmegaConf

from mitofm.backbones import meta
from mitofm.backbones.build import Backbone, build
from mitofm.backbones.spec import BackboneSpec
from mitofm.backbones.weights import Weights
from mitofm.commands.composing.compose import list_group


@pytest.fixture(scope="session")
def on_meta() -> Callable[..., Backbone]:
    """Builds a shipped backbone by name; fields of its YAML may be overridden."""

    @cache
    def built(name: str, **overrides: Any) -> Backbone:
        config = OmegaConf.merge(OmegaConf.load(list_group("backbone")[name]), {"weights": "random", **overrides})
        spec = BackboneSpec.from_config(OmegaConf.to_container(config, resolve=True))
        with meta.on_meta():
            return build(spec, Weights(None, "random"), seed=0)

    return built
