"""Whether there are enough validation samples to choose on (contract: model selection)."""

from __future__ import annotations

import numpy as np

from mitofm.training.settings import Protocol


def validation_decides(labels: np.ndarray, protocol: Protocol) -> bool:
    """Whether these labels are enough to choose a checkpoint, C and the threshold on; those of one class never are.

    Args:
        labels: int (n,), of the validation samples that were bought.
        protocol: the `protocol` group.
    """
    positives = int(labels.sum())
    fewest = min(positives, len(labels) - positives)
    return len(labels) >= protocol.validation_samples and fewest >= max(1, protocol.validation_samples_per_class)
