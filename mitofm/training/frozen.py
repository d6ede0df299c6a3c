"""Fit a frozen mode: its features are computed once and cached, then its head is fitted to them."""

from __future__ import annotations

from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from mitofm.adaptation.frozen import FrozenAdaptation, Labelled, Rows
from mitofm.backbones.build import build
from mitofm.backbones.embeddings import cache_embeddings
from mitofm.backbones.tokens import open_tokens
from mitofm.data.annotations import units
from mitofm.ground import fingerprints
from mitofm.ground.errors import MitofmError
from mitofm.ground.tensors import save_tensors
from mitofm.training.cell import Cell, Inputs, Outcome, Trained
from mitofm.training.checkpoint import TRAINED


def fit_frozen(cell: Cell, adaptation: FrozenAdaptation) -> Outcome:
    """Fit `adaptation` on the cell's training samples and predict its validation and test samples."""
    features = compute_features(cell, adaptation)
    with threadpool_limits(cell.trainer.threads):  # the last digits depend on it, as they do for torch
        head = fit_head(cell, adaptation, features)
        save_tensors(cell.folder / TRAINED, head.state())
        trained = Trained(parameters=head.trained_parameters, notes=head.notes)
        validation, test = (head.logits(Rows(features, cell.rows(part))) for part in ("validation", "test"))
        return Outcome(trained, validation, test, len(cell.rows("train")))


def fit_head(cell: Cell, adaptation: FrozenAdaptation, features: Any) -> Any:
    """The head that `adaptation` fits to the `features` of the cell's training samples."""
    table = cell.store.table
    samples = Labelled(features, table["label"].to_numpy(), units(table).to_numpy(), cell.shares)
    return adaptation.fit(
        samples.select(cell.rows("train")),
        samples.select(cell.rows("validation")) if cell.validation_decides else None,
        balanced=cell.fit.class_weight == "balanced",
        seed=cell.seed,
        device=cell.device.type,
    )


def compute_features(inputs: Inputs, adaptation: FrozenAdaptation) -> Any:
    """The features of every patch of the store that `adaptation` is fitted to, in the store's order: see `Labelled`.

    Raises:
        MitofmError: the backbone gives no such features, or numbers that are not finite.
    """
    request = request_features(inputs, adaptation)
    if adaptation.of_tokens:
        return open_tokens(**request, limit_gb=inputs.trainer.token_cache_gb)
    embeddings = cache_embeddings(**request)
    if not np.isfinite(embeddings).all():
        raise MitofmError(
            f"backbone {inputs.spec.name!r} gives embeddings that are not finite at fit.precision={inputs.fit.precision}: "
            "check its weights and its transform, or take fp32"
        )
    return embeddings


def request_features(inputs: Inputs, adaptation: FrozenAdaptation) -> dict[str, Any]:
    """What `cache_embeddings` is asked for, but for the type in which the features are kept."""
    contract = inputs.backbone_fingerprint
    kind = (adaptation.views, adaptation.of_tokens)
    plain = kind == (1, False)  # the embeddings of an unchanged backbone keep its own fingerprint
    return {
        "store": inputs.store,
        "fingerprint": contract if plain else fingerprints.of([contract, *kind]),
        "cache": inputs.cache,
        "embedder": lambda: adaptation.embedder(build(inputs.spec, inputs.weights, inputs.seed)),
        "device": inputs.device,
        "precision": inputs.autocast,
    }
