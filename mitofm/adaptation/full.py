"""Full fine-tuning: everything is trained. On random weights this is training from scratch."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from annotated_types import Ge, Gt, Le, Lt
from timm.models import group_parameters

from mitofm.adaptation.gradient import Classifier, GradientAdaptation
from mitofm.backbones.build import Backbone
from mitofm.backbones.spec import BackboneSpec
from mitofm.ground.settings import Share


class Full(GradientAdaptation):
    """Trains the whole backbone and the head, running statistics of its norms included.

    Args:
        layer_decay: the learning rate of each layer over that of the next one, whose last is `lr` (BEiT, arXiv 2106.08254); 1
            for all alike.
        drop_path: probability with which the last block is left out for a sample, falling to 0 at the first
            (stochastic depth, arXiv 1603.09382).
        ema: see `GradientAdaptation`; lower in the first steps, min(ema, (1 + step) / (10 + step)).
        name, more: see `GradientAdaptation`.
    """

    def __init__(
        self,
        name: str,
        layer_decay: Annotated[float, Gt(0), Le(1)] = 1.0,
        drop_path: Annotated[float, Ge(0), Lt(1)] = 0.0,
        ema: Share | None = None,
        **more: Any,
    ) -> None:
        super().__init__(name, **more)
        self.layer_decay = layer_decay
        self.drop_path = drop_path
        self.ema = ema

    def adapt_spec(self, spec: BackboneSpec) -> BackboneSpec:
        """The backbone with stochastic depth."""
        return replace(spec, kwargs={**spec.kwargs, "drop_path_rate": self.drop_path}) if self.drop_path else spec

    def adapt(self, backbone: Backbone, seed: int) -> Classifier:
        """The classifier, all of it trainable."""
        return Classifier(backbone, seed)

    def set_train_mode(self, classifier: Classifier) -> None:
        """All of it, norms and stochastic depth too."""
        classifier.train()

    def lr_factors(self, backbone: Any) -> dict[str, float]:
        """Falling from the last layers to the first."""
        if self.layer_decay == 1:
            return {}
        trunk = backbone.trunk
        layers = group_parameters(trunk, trunk.group_matcher(coarse=False), reverse=True)
        last = max(layers.values())
        return {f"trunk.{name}": self.layer_decay ** (last - layer) for name, layer in layers.items()}

    def trained_names(self, classifier: Classifier) -> set[str]:
        """The whole state: batch norms change their buffers too."""
        return set(classifier.state_dict())
