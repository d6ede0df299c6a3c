"""The features that frozen modes are fitted to, computed apart from any cell: by many processes, or a few to measure."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from mitofm.adaptation.frozen import FrozenAdaptation
from mitofm.backbones.embeddings import cache_embeddings, embed, help_embedding, locate_embeddings
from mitofm.backbones.tokens import STORED
from mitofm.backbones.weights import find
from mitofm.ground.errors import MitofmError
from mitofm.ground.fingerprints import Remembered
from mitofm.training.cell import Inputs
from mitofm.training.frozen import request_features
from mitofm.training.settings import Settings

_SECONDS = 20.0  # of a measurement, after its first batch


def extract(settings: Settings) -> tuple[Path, np.ndarray]:
    """Compute the features that cells with these settings are fitted to, beside all processes that do the same.

    Returns:
        Their file, and the features, (N, D) or of tokens (N, h, w, D), memory-mapped.

    Raises:
        MitofmError: the adaptation is not fitted to features, or the backbone gives no such ones; data or weights are not here.
    """
    adaptation = read_frozen(settings)
    inputs = _prepare(settings)
    request = request_features(inputs, adaptation) | {"dtype": STORED if adaptation.of_tokens else np.float32}
    help_embedding(**request)
    return locate_embeddings(inputs.store, request["fingerprint"], inputs.cache), cache_embeddings(**request)


@dataclass(frozen=True)
class Measured:
    """What features of a few crops took.

    Attributes:
        device: "cpu" or "cuda".
        crops: how many were measured.
        seconds: in which.
        bytes_each: of the features of a crop.
        patch_bytes: of a crop in the store.
        of_store: crops of the whole store.
    """

    device: str
    crops: int
    seconds: float
    bytes_each: int
    patch_bytes: int
    of_store: int


def measure(settings: Settings) -> Measured:
    """Compute the features of the first crops for some seconds and keep none; errors as `extract`."""
    adaptation = read_frozen(settings)
    inputs = _prepare(settings)
    store, request = inputs.store, request_features(inputs, adaptation)
    kept = STORED if adaptation.of_tokens else np.float32
    began = warm = time.perf_counter()
    crops = first = size = 0
    for rows, features in embed(
        store, np.arange(len(store.table)), request["embedder"](), inputs.device, inputs.autocast
    ):
        now = time.perf_counter()
        crops += len(rows)
        if not first:
            warm, first, size = now, crops, features[0].size * kept().itemsize
        if now - warm > _SECONDS:
            break
    seconds = time.perf_counter() - (warm if crops > first else began)  # the first batch also starts up the device
    patch_bytes = store.patches.nbytes // len(store.table)
    return Measured(inputs.device.type, (crops - first) or crops, seconds, size, patch_bytes, len(store.table))


def read_frozen(settings: Settings) -> FrozenAdaptation:
    """The frozen mode of these settings; MitofmError if it is none."""
    if not isinstance(adaptation := settings.adaptation, FrozenAdaptation):
        raise MitofmError(
            f"adaptation={settings.adaptation_name} trains the backbone, so its cells have no embeddings in common: take a "
            "frozen mode, such as adaptation=linear_probe"
        )
    return adaptation


def _prepare(settings: Settings) -> Inputs:
    torch.set_num_threads(settings.trainer.threads)
    paths = settings.paths
    return Inputs(
        fit=settings.fit,
        trainer=settings.trainer,
        seed=settings.seed_of_training,
        store=settings.dataset.store(),
        spec=settings.backbone,
        weights=find(settings.backbone, paths.weights, Remembered(paths.cache / "fingerprints")),
        cache=paths.cache,
    )
