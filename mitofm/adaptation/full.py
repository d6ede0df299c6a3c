"""Full fine-tuning: everything is trained. On random weights this is training from scratch."""

from __future__ import annotations

from mitofm.adaptation.gradient import Classifier, GradientAdaptation
from mitofm.backbones.build import Backbone


class Full(GradientAdaptation):
    """Trains the whole backbone and the head, running statistics of its norms included."""

    def module(self, backbone: Backbone, seed: int) -> Classifier:
        """The classifier, all of it trainable."""
        return Classifier(backbone, backbone.embedding_dim, seed)

    def set_train_mode(self, classifier: Classifier) -> None:
        """All of it, norms and dropout too."""
        classifier.train()

    def trained_names(self, classifier: Classifier) -> set[str]:
        """The whole state: batch norms change their buffers too."""
        return set(classifier.state_dict())
