"""Embeddings of images, or of the samples of a data set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mitofm.api.choices import spell
from mitofm.api.images import check_patches
from mitofm.commands.composing.compose import compose
from mitofm.runs.resolve import resolve
from mitofm.training.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

    from mitofm.data.patches import PatchStore
    from mitofm.training.cell import Inputs


def embed(backbone: str, data: str | np.ndarray, *overrides: str, **choices: Any) -> np.ndarray | pd.DataFrame:
    """Embed images, or the samples of a data set, with a frozen backbone.

        mitofm.embed("nano", images)                 # (n, 64, 64, 3) uint8
        mitofm.embed("uni", "own_crops", data__source__root="/my/crops")

    Args:
        backbone: its name in `mitofm models`.
        data: patches (n, side, side, 3) uint8, RGB, which are resized to what the backbone takes; or the name of a data
            set, of which patches and embeddings are kept for cells.
        overrides: as of `mitofm train`, such as `"fit.precision=bf16"`.
        choices: as in `mitofm.train`.

    Returns:
        For images float32 (n, width); for a data set a table with a row for each sample, by its sample_id.

    Raises:
        MitofmError: there is no such backbone or data set, its weights are not on this machine, or the images are no patches.
    """
    images = None if isinstance(data, str) else check_patches(data)
    chosen = {"backbone": backbone, "adaptation": "linear_probe"} | ({"data": data} if images is None else {})
    settings = Settings.read(resolve(compose("train", spell(overrides, choices | chosen))))
    return _embed_samples(settings) if images is None else _embed_images(settings, images)


def _embed_images(settings: Settings, images: np.ndarray) -> np.ndarray:
    from mitofm.backbones.build import build
    from mitofm.backbones.embeddings import embed as embed_store
    from mitofm.data.patches import PatchStore

    inputs = _prepare(settings, PatchStore.hold(images, images.shape[1]))
    network = build(inputs.spec, inputs.weights, inputs.seed)
    found = np.empty((len(images), *network.shape), np.float32)
    for rows, features in embed_store(inputs.store, np.arange(len(images)), network, inputs.device, inputs.autocast):
        found[rows] = features
    return found


def _embed_samples(settings: Settings) -> pd.DataFrame:
    import pandas as pd

    from mitofm.adaptation.frozen import FrozenAdaptation
    from mitofm.training.frozen import compute_features

    store, probe = settings.dataset.store(), settings.adaptation
    assert isinstance(probe, FrozenAdaptation)
    found = compute_features(_prepare(settings, store), probe)
    return pd.DataFrame(np.asarray(found), index=pd.Index(store.table["sample_id"], name="sample_id"))


def _prepare(settings: Settings, store: PatchStore) -> Inputs:
    """What a forward pass needs, with the backbone's weights found."""
    from mitofm.backbones.weights import find
    from mitofm.ground.fingerprints import Remembered
    from mitofm.training.cell import Inputs

    return Inputs(
        fit=settings.fit,
        trainer=settings.trainer,
        seed=settings.seed_of_training,
        store=store,
        spec=settings.backbone,
        weights=find(settings.backbone, settings.paths.weights, Remembered(settings.paths.cache / "fingerprints")),
        cache=settings.paths.cache,
    )
