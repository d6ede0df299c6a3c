"""LP-FT: a linear probe first, then full fine-tuning from its head (Kumar et al. 2022, arXiv 2202.10054)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mitofm.adaptation.frozen import FrozenAdaptation
from mitofm.adaptation.full import Full
from mitofm.adaptation.gradient import Classifier
from mitofm.adaptation.linear_probe import LinearProbe


class ProbeThenFull(Full):
    """As `Full`, but its head starts as a probe's, so that features are not bent to a random one first.

    Args:
        probe: fitted to the embeddings of the training samples.
        full: arguments of `Full`.
    """

    def __init__(self, probe: LinearProbe, **full: Any) -> None:
        super().__init__(**full)
        self.probe = probe

    def warm_start(self, classifier: Classifier, fit: Callable[[FrozenAdaptation], Any]) -> dict[str, Any]:
        """The probe's head, and how it was chosen."""
        head = fit(self.probe)
        classifier.take_head(head)
        return head.notes
