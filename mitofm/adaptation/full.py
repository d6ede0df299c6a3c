"""Full fine-tuning: everything is trained. On random weights this is training from scratch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from timm.models import group_parameters

from mitofm.adaptation.gradient import Classifier, GradientAdaptation, Search
from mitofm.backbones.build import Backbone
from mitofm.backbones.spec import BackboneSpec
from mitofm.ground.errors import MitofmError
from mitofm.ground.settings import NotNegative


class Full(GradientAdaptation):
    """Trains the whole backbone and the head, running statistics of its norms included.

    Args:
        lr: learning rate of the backbone's last layers.
        layer_decay: the learning rate of each layer over that of the next one (BEiT, arXiv 2106.08254); 1 for all alike.
        drop_path: probability with which the last block is left out for a sample, falling to 0 at the first
            (stochastic depth, arXiv 1603.09382).
        ema: see `GradientAdaptation`; lower in the first steps, min(ema, (1 + step) / (10 + step)).
        name, head_lr, weight_decay, search: see `GradientAdaptation`.
    """

    def __init__(
        self,
        name: str,
        lr: float,
        head_lr: float,
        weight_decay: NotNegative,
        layer_decay: float = 1.0,
        drop_path: float = 0.0,
        ema: float | None = None,
        search: Search = None,
    ) -> None:
        super().__init__(name, lr, head_lr, weight_decay, search)
        if not 0 < layer_decay <= 1:
            raise MitofmError(f"adaptation.layer_decay={layer_decay}: give a factor above 0 and up to 1")
        if not 0 <= drop_path < 1:
            raise MitofmError(f"adaptation.drop_path={drop_path}: give a probability from 0 up to, but not, 1")
        if ema is not None and not 0 < ema < 1:
            raise MitofmError(f"adaptation.ema={ema}: give a decay between 0 and 1, such as 0.999, or null")
        self.layer_decay = layer_decay
        self.drop_path = drop_path
        self.ema = ema

    def adapt_spec(self, spec: BackboneSpec) -> BackboneSpec:
        """The backbone with stochastic depth."""
        return replace(spec, kwargs={**spec.kwargs, "drop_path_rate": self.drop_path}) if self.drop_path else spec

    def adapt(self, backbone: Backbone, seed: int) -> Classifier:
        """The classifier, all of it trainable."""
        return Classifier(backbone, backbone.embedding_dim, seed)

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
