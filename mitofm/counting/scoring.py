"""Scores positions of a slide with a trained cell, by the code that tested it."""

from __future__ import annotations

import mitofm.ground.torchvision_shim  # noqa: F401  before anything imports torchvision

# isort: split

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from threadpoolctl import threadpool_limits

from mitofm.adaptation.frozen import FrozenAdaptation, Rows
from mitofm.backbones.build import build
from mitofm.backbones.embeddings import embed
from mitofm.backbones.tokens import STORED, Tokens
from mitofm.data import cutting
from mitofm.data.annotations import UNKNOWN
from mitofm.data.images.base import Image
from mitofm.data.images.squares import cut_squares, resize
from mitofm.data.patches import PatchStore
from mitofm.ground.errors import Diverged
from mitofm.ground.files import map_npy
from mitofm.ground.resumable import ResumableArray
from mitofm.inference.trained import Checkpoint
from mitofm.training.cell import Inputs
from mitofm.training.predict import predict
from mitofm.training.settings import Trainer

_PIECE = 32 * 2**20  # bytes of patches that are cut before they are scored, and that an interruption may cost
_BATCH = 64  # a piece is whole batches, so that it does not matter how many pieces there are
_BAND = 1024  # px; positions are scored band by band, so that those of one piece lie on few tiles


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
        """Patches in memory as a store, of which the model sees the centre that it was trained on."""
        table = pd.DataFrame({"label": np.full(len(patches), UNKNOWN)})
        return PatchStore(Path(), "", table, patches, self.trained.centre_px, 0)


def arrange(places: np.ndarray) -> np.ndarray:
    """The order in which to score places (n, 2), px: int (n,)."""
    return np.lexsort((places[:, 1], places[:, 0], places[:, 1] // _BAND))


def score_places(
    scorer: Scorer, image: Image, mpp: float, places: np.ndarray, file: Path, advance: Callable[[float], None]
) -> np.ndarray:
    """The logits at `places` (n, 2), x and y in px of `image`, in their order: float64 (n,). A killed one goes on from `file`.

    Args:
        mpp: micrometre per px of the image, which is resampled to that of training.
        advance: called with the share of the places that were scored.

    Raises:
        MitofmError: a tile cannot be decoded, or a logit is not finite.
    """
    n = len(places)
    if not n:
        return np.empty(0)
    side = cutting.side(scorer.patch_px, mpp, scorer.trained.facts["patches"]["mpp"])
    size = max(_BATCH, _PIECE // (side * side * 3) // _BATCH * _BATCH)
    with ResumableArray(file, (n, 1), np.float64) as logits:
        for start in range(0, n, size):
            rows = np.arange(start, min(start + size, n))
            if not logits.holds(start):
                patches = resize(cut_squares(image, places[rows], side), scorer.patch_px)
                logits.write(rows, scorer.score(patches)[:, None])
                logits.note(start)
            advance(len(rows) / n)
    return np.array(map_npy(file))[:, 0]
