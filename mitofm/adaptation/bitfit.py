"""BitFit: only biases are trained (Ben Zaken et al. 2022, arXiv 2106.10199)."""

from __future__ import annotations

from mitofm.adaptation.gradient import Classifier, GradientAdaptation
from mitofm.backbones.build import Backbone
from mitofm.ground.errors import MitofmError


class BitFit(GradientAdaptation):
    """Trains every bias of the backbone, those of norms included, and the head."""

    def adapt(self, backbone: Backbone, seed: int) -> Classifier:
        """The classifier with its biases trainable."""
        for name, parameter in backbone.named_parameters():
            parameter.requires_grad = name.endswith("bias")
        if not any(parameter.requires_grad for parameter in backbone.parameters()):
            raise MitofmError(
                f"adaptation {self.name!r}: backbone {backbone.spec.name!r} has no biases: take adaptation=lora or full"
            )
        return Classifier(backbone, seed)
