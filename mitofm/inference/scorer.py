"""Scores patches in memory with a model, by the code that tested it."""

from __future__ import annotations

import mitofm.ground.torchvision_shim  # noqa: F401  before anything imports torchvision

# isort: split

from pathlib import Path
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from mitofm.adaptation.frozen import FrozenAdaptation, Rows
from mitofm.backbones.build import build
from mitofm.backbones.embeddings import embed
from mitofm.backbones.tokens import STORED, Tokens
from mitofm.data.patches import PatchStore
from mitofm.ground.errors import Diverged
from mitofm.inference.model import Model
from mitofm.inference.trained import Checkpoint
from mitofm.training.cell import Inputs
from mitofm.training.predict import predict
from mitofm.training.settings import Trainer


class Scorer:
    """A model, ready to score patches. Members that are fitted to the same features share one backbone and one pass."""

    def __init__(self, model: Model, trainer: Trainer) -> None:
        torch.set_num_threads(trainer.threads)
        self.model, self.trainer = model, trainer
        self.patch_px: int = model.facts["patches"]["crop_px"]
        self._networks: dict[Any, Any] = {}
        empty = np.empty((0, self.patch_px, self.patch_px, 3), np.uint8)
        for trained in model.members:
            _ = self._gather(trained, empty).device  # refused here if torch does not see it
            key, adaptation = _name_network(trained), trained.adaptation
            if not isinstance(adaptation, FrozenAdaptation):
                self._networks[key] = trained.classifier()
            elif key not in self._networks:
                self._networks[key] = adaptation.embedder(build(trained.spec, trained.weights, trained.facts["seed"]))

    def score(self, patches: np.ndarray) -> np.ndarray:
        """The logits of patches (n, patch_px, patch_px, 3) uint8: float64 (n,).

        Raises:
            Diverged: one of them is not finite.
        """
        features: dict[Any, np.ndarray] = {}
        logits = []
        for trained in self.model.members:
            inputs, key = self._gather(trained, patches), _name_network(trained)
            if not isinstance(trained.adaptation, FrozenAdaptation):
                logits.append(predict(inputs, self._networks[key], np.arange(len(patches))))
                continue
            if key not in features:
                features[key] = self._embed(inputs, self._networks[key], trained.adaptation)
            logits.append(self._apply_head(trained, trained.adaptation, features[key]))
        return self.model.add(logits)

    def _embed(self, inputs: Inputs, embedder: Any, adaptation: FrozenAdaptation) -> np.ndarray:
        batches = embed(inputs.store, np.arange(len(inputs.store.table)), embedder, inputs.device, inputs.autocast)
        kept = STORED if adaptation.of_tokens else np.float32
        return np.concatenate([batch.astype(kept) for _, batch in batches])

    def _apply_head(self, trained: Checkpoint, adaptation: FrozenAdaptation, features: np.ndarray) -> np.ndarray:
        seen = Tokens(features.__getitem__) if adaptation.of_tokens else features
        with threadpool_limits(self.trainer.threads):
            logits = trained.head(features.shape[-1]).logits(Rows(seen, np.arange(len(features))))
        if not np.isfinite(logits).all():
            raise Diverged(f"backbone {trained.spec.name!r} gives logits that are not finite: check its weights")
        return logits

    def _gather(self, trained: Checkpoint, patches: np.ndarray) -> Inputs:
        """What a member's forward pass needs. Of patches it sees the centre that it was trained on."""
        return Inputs(
            fit=trained.fit,
            trainer=self.trainer,
            seed=trained.facts["seed"],
            store=PatchStore.hold(patches, self.model.centre_px),
            spec=trained.spec,
            weights=trained.weights,
            cache=Path(),
        )


def _name_network(trained: Checkpoint) -> Any:
    """The same for members that are fitted to the same features."""
    adaptation = trained.adaptation
    if isinstance(adaptation, FrozenAdaptation):
        return trained.facts["backbone_fingerprint"], adaptation.views, adaptation.of_tokens
    return trained.folder
