"""Fit a frozen mode: features once, cached; then its own fit."""

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
from mitofm.training.cell import Cell, Outcome, Seen


def fit_frozen(cell: Cell, adaptation: FrozenAdaptation) -> Outcome:
    """Fit `adaptation` on the cell's training side and give the logits of its validation and test sides."""
    features = features_of(cell, adaptation)
    table = cell.store.table
    cells = Labelled(features, table["label"].to_numpy(), units(table).to_numpy(), cell.shares)
    train, validation, test = (cell.rows(part) for part in ("train", "validation", "test"))
    with threadpool_limits(cell.trainer.threads):  # the last digits depend on it, as they do for torch
        head = adaptation.fit(
            cells.select(train),
            cells.select(validation) if cell.validation_decides else None,
            balanced=cell.balanced,
            seed=cell.seed,
            device=cell.device.type,
        )
        save_tensors(cell.folder / "checkpoint" / "trained.safetensors", head.state())
        return Outcome(
            validation_logits=head.logits(Rows(features, validation)),
            test_logits=head.logits(Rows(features, test)),
            trained_parameters=head.trained_parameters,
            samples_seen=len(train),
            notes=head.notes,
        )


def features_of(seen: Seen, adaptation: FrozenAdaptation) -> Any:
    """What `adaptation` sees of every patch of the store, in the store's order.

    Raises:
        MitofmError: the backbone gives no such features, or numbers that are not finite.
    """
    contract = seen.backbone_fingerprint
    kind = (adaptation.views, adaptation.of_tokens)
    plain = kind == (1, False)  # what a backbone gives when it is asked for nothing else
    where: dict[str, Any] = {
        "store": seen.store,
        "fingerprint": contract if plain else fingerprints.of([contract, *kind]),
        "cache": seen.cache,
        "embedder": lambda: adaptation.embedder(build(seen.spec, seen.weights, seen.seed)),
        "device": seen.device,
        "precision": seen.autocast,
    }
    if adaptation.of_tokens:
        return open_tokens(**where, limit_gb=seen.trainer.token_cache_gb)
    embeddings = cache_embeddings(**where)
    if not np.isfinite(embeddings).all():
        raise MitofmError(
            f"backbone {seen.spec.name!r} gives embeddings that are not finite at fit.precision={seen.fit.precision}: "
            "check its weights and its transform, or take fp32"
        )
    return embeddings
