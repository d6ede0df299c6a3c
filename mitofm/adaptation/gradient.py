"""The interface of gradient modes: a module trained through the backbone."""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from mitofm.adaptation.frozen import AffineHead, FrozenAdaptation
from mitofm.backbones.build import Backbone
from mitofm.backbones.spec import BackboneSpec
from mitofm.ground.errors import MitofmError
from mitofm.ground.seeds import derive
from mitofm.ground.settings import NotNegative, Positive

Search = Literal["lr"] | Sequence[Positive] | None
FACTORS = (0.1, 0.18, 0.3, 0.56, 1.0, 1.8, 3.0, 5.6, 10.0)
"""By which `adaptation.search=lr` multiplies learning rates: as many as a frozen mode has settings to choose from."""


class Classifier(nn.Module):
    """A backbone and a linear head on its embedding. The head stays outside whatever wraps the backbone."""

    shape = ()  # of what it gives for one patch

    def __init__(self, backbone: Any, seed: int) -> None:
        super().__init__()
        self.backbone = backbone
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(seed, "initialisation", "head"))
            self.head = nn.Linear(backbone.embedding_dim, 1)
            nn.init.trunc_normal_(self.head.weight, std=0.02)
            nn.init.zeros_(self.head.bias)

    def forward(self, patches: Tensor) -> Tensor:
        """Log-odds of the positive class: uint8 (B, H, W, 3) -> float32 (B,)."""
        return self.classify(self.backbone(patches))

    def classify(self, embedded: Tensor) -> Tensor:
        """Log-odds of the positive class from embeddings: (B, embedding_dim) -> float32 (B,)."""
        # The head stays out of autocast: logits of eight bits would tie, and those of frozen modes never do.
        with torch.autocast(embedded.device.type, enabled=False):
            return self.head(embedded.float()).squeeze(1)

    def take_head(self, head: AffineHead) -> None:
        """Put a fitted head in the place of its own."""
        with torch.no_grad():
            self.head.weight.copy_(torch.from_numpy(head.weight))
            self.head.bias.copy_(torch.from_numpy(head.bias))


class GradientAdaptation(ABC):
    """A mode that trains through the backbone: it alone knows what is trained and what a checkpoint holds.

    Args:
        name: of the adaptation.
        lr: learning rate of the backbone's trained parameters.
        head_lr: learning rate of the head.
        weight_decay: of every trained matrix; vectors (biases, norms) have none.
        search: "lr" to choose among as many learning rates as a frozen mode has settings; or the factors by which to
            multiply both rates; None to take them as they are.
    """

    def __init__(
        self, name: str, lr: Positive, head_lr: Positive, weight_decay: NotNegative, search: Search = None
    ) -> None:
        factors = FACTORS if search == "lr" else search or ()
        self.factors = sorted(factors, key=lambda factor: abs(math.log(factor)))
        self.name = name
        self.lr = lr
        self.head_lr = head_lr
        self.weight_decay = weight_decay

    def scale(self, factor: float) -> GradientAdaptation:
        """A copy with learning rates `factor` times as high, and nothing left to search."""
        other = copy.copy(self)
        other.lr, other.head_lr, other.factors = factor * self.lr, factor * self.head_lr, []
        return other

    ema: float | None = None
    """Decay of the moving average of what is trained that is checked, kept and tested in its place; None keeps none."""

    def adapt_spec(self, spec: BackboneSpec) -> BackboneSpec:
        """The backbone as this mode wants it built."""
        return spec

    @abstractmethod
    def adapt(self, backbone: Backbone, seed: int) -> Classifier:
        """Make `backbone` the classifier to train, with `requires_grad` set on exactly what this mode trains.

        Raises:
            MitofmError: this backbone cannot be adapted so.
        """

    def warm_start(self, classifier: Classifier, fit: Callable[[FrozenAdaptation], Any]) -> dict[str, Any]:
        """Change in place where training starts; returns what was chosen for it, for the record.

        `fit` fits a frozen mode to the embeddings of the cell's training side.
        """
        return {}

    def set_train_mode(self, classifier: Classifier) -> None:
        """Put the classifier into training mode: a frozen trunk keeps its running statistics and drops nothing."""
        classifier.eval()

    def parameter_groups(self, classifier: Classifier) -> list[dict[str, Any]]:
        """Optimiser groups of everything that is trained: {params, lr, weight_decay}."""
        factors = self.lr_factors(classifier.backbone)
        members: dict[tuple[float, float], list[nn.Parameter]] = {}
        for part, lr in ((classifier.backbone, self.lr), (classifier.head, self.head_lr)):
            for name, parameter in part.named_parameters():
                if parameter.requires_grad:
                    decay = self.weight_decay if parameter.ndim > 1 else 0.0
                    members.setdefault((lr * factors.get(name, 1.0), decay), []).append(parameter)
        return [{"params": params, "lr": lr, "weight_decay": decay} for (lr, decay), params in members.items()]

    def lr_factors(self, backbone: Any) -> dict[str, float]:
        """By name the factor of the learning rate of a parameter of the backbone; 1 for those that are not named."""
        return {}

    def trained_names(self, classifier: Classifier) -> set[str]:
        """Names, in the classifier's state, of what training changes."""
        return {name for name, parameter in classifier.named_parameters() if parameter.requires_grad}

    def state(self, classifier: Classifier) -> dict[str, Tensor]:
        """What a checkpoint holds: what was trained, nothing else."""
        names = self.trained_names(classifier)
        return {name: value.detach() for name, value in classifier.state_dict().items() if name in names}

    def load(self, classifier: Classifier, state: dict[str, Tensor]) -> None:
        """Put a checkpoint's state back, strictly.

        Raises:
            MitofmError: it holds more, less or other shapes than this mode trains.
        """
        names = self.trained_names(classifier)
        if names != state.keys():
            odd = sorted(names ^ state.keys())
            raise MitofmError(
                f"this checkpoint is not one of adaptation {self.name!r} on this backbone: it differs in "
                f"{len(odd)} tensors, such as {', '.join(odd[:3])}"
            )
        try:
            classifier.load_state_dict(state, strict=False)
        except RuntimeError as error:
            raise MitofmError(f"this checkpoint does not fit adaptation {self.name!r}: {error}") from error
