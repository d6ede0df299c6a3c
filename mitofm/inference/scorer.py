"""Scores patches in memory with a trained cell, by the code that tested it."""

from __future__ import annotations

import mitofm.ground.torchvision_shim  # noqa: F401  before anything imports torchvision

# isort: split

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from mitofm.adaptation.frozen import FrozenAdaptation, Rows
from mitofm.backbones.build import build
from mitofm.backbones.embeddings import embed
from mitofm.backbones.tokens import STORED, Tokens
from mitofm.data.patches import PatchStore
from mitofm.ground.errors import Diverged
from mitofm.inference.trained import Checkpoint
from mitofm.training.cell import Inputs
from mitofm.training.predict import predict
from mitofm.training.settings import Trainer


class Scorer:
    """A checkpoint, ready to score patches."""

    def __init__(self, trained: Checkpoint, trainer: Trainer) -> None:
        torch.set_num_threads(trainer.threads)
        self.trained, self.trainer = trained, trainer
        self.patch_px: int = trained.facts["patches"]["crop_px"]
        empty = np.empty((0, self.patch_px, self.patch_px, 3), np.uint8)
        self._inputs = Inputs(
            fit=trained.fit,
            trainer=trainer,
            seed=trained.facts["seed"],
            store=self._hold(empty),
            spec=trained.spec,
            weights=trained.weights,
            cache=Path(),
        )
        adaptation = trained.adaptation
        if isinstance(adaptation, FrozenAdaptation):
            self._embedder = adaptation.embedder(build(trained.spec, trained.weights, trained.facts["seed"]))
        else:
            self._classifier = trained.classifier()

    def score(self, patches: np.ndarray) -> np.ndarray:
        """The logits of patches (n, patch_px, patch_px, 3) uint8: float64 (n,).

        Raises:
            Diverged: one of them is not finite.
        """
        inputs, rows = replace(self._inputs, store=self._hold(patches)), np.arange(len(patches))
        adaptation = self.trained.adaptation
        if not isinstance(adaptation, FrozenAdaptation):
            return predict(inputs, self._classifier, rows)
        batches = embed(inputs.store, rows, self._embedder, inputs.device, inputs.autocast)
        kept = STORED if adaptation.of_tokens else np.float32
        features = np.concatenate([batch.astype(kept) for _, batch in batches])
        seen = Tokens(features.__getitem__) if adaptation.of_tokens else features
        with threadpool_limits(self.trainer.threads):
            logits = self.trained.head(features.shape[-1]).logits(Rows(seen, rows))
        if not np.isfinite(logits).all():
            raise Diverged(f"backbone {self.trained.spec.name!r} gives logits that are not finite: check its weights")
        return logits

    def _hold(self, patches: np.ndarray) -> PatchStore:
        """Patches as a store, of which the model sees the centre that it was trained on."""
        return PatchStore.hold(patches, self.trained.centre_px)
