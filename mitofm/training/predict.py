"""Logits of a trained classifier on patches of a store."""

from __future__ import annotations

import numpy as np
import torch

from mitofm.adaptation.gradient import Classifier
from mitofm.backbones.views import DihedralMean
from mitofm.data.batches import PlainPatches, load_in_order
from mitofm.ground.errors import Diverged
from mitofm.training.cell import Inputs


def predict(inputs: Inputs, classifier: Classifier, rows: np.ndarray) -> np.ndarray:
    """Logits of these rows of the store, unaugmented, averaged over `fit.test_views`: float64 (n,).

    Raises:
        Diverged: one of them is not finite.
    """
    loader = load_in_order(PlainPatches(inputs.store, rows), inputs.fit.batch_size * 4)
    network = DihedralMean(classifier) if inputs.fit.test_views == 8 else classifier
    network = network.to(inputs.device).eval()
    logits = []
    with torch.inference_mode():
        for patches, _ in loader:
            with torch.autocast(inputs.device.type, dtype=inputs.autocast, enabled=inputs.autocast != torch.float32):
                logits.append(network(patches.to(inputs.device, non_blocking=True)).double().cpu().numpy())
    result = np.concatenate(logits) if logits else np.empty(0)
    if not np.isfinite(result).all():
        raise Diverged(
            f"backbone {inputs.spec.name!r} gives logits that are not finite after training: lower adaptation.lr, set "
            "fit.gradient_clip, or take fit.precision=fp32"
        )
    return result
