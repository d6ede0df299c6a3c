"""A checkpoint as one plain network without its image transform, its adapters folded into the matrices they adapt."""

from __future__ import annotations

import mitofm.ground.torchvision_shim  # noqa: F401  before anything imports torchvision

# isort: split

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from mitofm.adaptation.frozen import AffineHead, FrozenAdaptation
from mitofm.adaptation.gradient import Classifier
from mitofm.backbones.build import build
from mitofm.backbones.weights import Weights
from mitofm.ground.errors import MitofmError
from mitofm.inference.trained import Checkpoint


class Writable(nn.Module, ABC):
    """A network from normalised images to logits that can be written and read by the names of its tensors."""

    @abstractmethod
    def tensors(self) -> dict[str, Tensor]:
        """Its state."""

    @abstractmethod
    def take(self, tensors: Mapping[str, Tensor]) -> None:
        """Load what `tensors` gave, strictly."""


class Network(Writable):
    """A trained classifier, of a backbone and a linear head, as other software runs it."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.classifier = classifier.eval().requires_grad_(False)

    def forward(self, images: Tensor) -> Tensor:
        """Log-odds of the positive class: normalised images (B, 3, S, S) -> (B,)."""
        backbone: Any = self.classifier.backbone
        return self.classifier.head(backbone.embed(images)).squeeze(1)

    def tensors(self) -> dict[str, Tensor]:
        """Its state: `trunk.` and timm's names if no part of an adaptation is left, and `head.weight`, `head.bias`."""
        return {name.removeprefix("backbone."): value for name, value in self.classifier.state_dict().items()}

    def take(self, tensors: Mapping[str, Tensor]) -> None:
        """Load what `tensors` gave, strictly."""
        names = {name.removeprefix("backbone."): name for name in self.classifier.state_dict()}
        self.classifier.load_state_dict({names[name]: value for name, value in tensors.items()})


def make_classifier(trained: Checkpoint) -> Classifier:
    """The trained classifier; of a frozen mode its backbone with the head as a linear layer.

    Raises:
        MitofmError: the head of a frozen mode is not linear.
    """
    if not isinstance(trained.adaptation, FrozenAdaptation):
        return trained.classifier()
    backbone = build(trained.spec, trained.weights, trained.facts["seed"])
    head = trained.head(backbone.embedding_dim) if not trained.adaptation.of_tokens else None
    if not isinstance(head, AffineHead):
        raise MitofmError(
            f"adaptation {trained.adaptation.name!r} is no network that can be written: its head is not linear in the "
            "embedding. `mitofm predict` scores with its checkpoint"
        )
    classifier = Classifier(backbone, 0)
    classifier.take_head(head)
    return classifier


def count_views(trained: Checkpoint) -> int:
    """The number of dihedral views of an image whose logits are averaged."""
    adaptation = trained.adaptation
    return adaptation.views if isinstance(adaptation, FrozenAdaptation) else trained.facts["fit"]["test_views"]


def fold(classifier: Classifier) -> None:
    """Fold every adapter of peft that can be folded into the matrix it adapts, in place."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    for name, module in list(classifier.named_modules()):
        if isinstance(module, BaseTunerLayer):
            try:
                module.merge(safe_merge=True)
            except NotImplementedError:
                continue
            parent, _, child = name.rpartition(".")
            setattr(classifier.get_submodule(parent), child, module.get_base_layer())


def make_blank(trained: Checkpoint, network: Network) -> tuple[Network, bool]:
    """A network of random weights for the tensors of `network`, and whether its trunk is timm's own.

    If a part of an adaptation is left in `network`, the adaptation builds the trunk.
    """
    spec = replace(trained.spec, weights="random")
    backbone = build(spec, Weights(None, "random"), seed=1)
    empty = Network(Classifier(backbone, seed=1))
    if empty.tensors().keys() == network.tensors().keys():
        return empty, True
    assert not isinstance(trained.adaptation, FrozenAdaptation)
    built = build(trained.adaptation.adapt_spec(spec), Weights(None, "random"), seed=1)
    return Network(trained.adaptation.adapt(built, seed=1)), False
