"""Fit a frozen mode: embeddings once, cached; then its own fit."""

from __future__ import annotations

import numpy as np
from safetensors.numpy import save_file

from mitofm.adaptation.frozen import FrozenAdaptation, Labelled
from mitofm.backbones.build import build
from mitofm.backbones.embeddings import cached
from mitofm.files import replacing
from mitofm.training.cell import Cell, Outcome


def fit_frozen(cell: Cell, adaptation: FrozenAdaptation) -> Outcome:
    """Fit `adaptation` on the cell's training side and give the logits of its validation and test sides."""
    embeddings = cached(
        cell.store,
        cell.backbone_fingerprint,
        cell.cache,
        lambda: build(cell.spec, cell.weights, cell.seed),
        device=cell.device,
        precision=cell.autocast,
    )
    labels = cell.store.table["label"].to_numpy()
    slides = cell.store.table["slide"].to_numpy()

    def labelled(rows: np.ndarray) -> Labelled:
        return Labelled(np.asarray(embeddings[rows]), labels[rows], slides[rows])

    head = adaptation.fit(
        labelled(cell.rows("train")),
        labelled(cell.rows("validation")) if cell.validation_decides else None,
        balanced=cell.balanced,
        seed=cell.seed,
    )
    with replacing(cell.folder / "checkpoint" / "trained.safetensors") as temporary:
        save_file(head.state(), temporary)
    return Outcome(
        validation_logits=head.logits(embeddings[cell.rows("validation")]),
        test_logits=head.logits(embeddings[cell.rows("test")]),
        trained_parameters=head.weight.size + 1,
        samples_seen=len(cell.rows("train")),
        notes=head.notes,
    )
