"""The words and numbers by which tables list a cell. No torch here: a plan lists cells before they run."""

from __future__ import annotations

from typing import Any

from mitofm.data.splits.part import Split
from mitofm.training.settings import PROTOCOL_VERSION, Settings


def collect_labels(settings: Settings, split: Split) -> dict[str, Any]:
    """The labels of a cell, as `cell.json` holds them."""
    card, backbone = settings.dataset.card, settings.backbone
    pretrained_on = backbone.pretraining if backbone.weights == "pretrained" else ()
    return {
        "dataset": card.name,
        "backbone": backbone.name,
        "weights": backbone.weights,
        "adaptation": settings.adaptation_name,
        "fraction": settings.fraction,
        "fraction_unit": settings.split.fraction_unit,
        "seed": settings.seed,
        **settings.seeds_apart,
        "split": settings.split.name,
        "leaks": settings.split.leaks,
        "train_domain": settings.split.describe(),
        "augment": settings.augment.name,
        "fit": settings.fit.name,
        "protocol": " + ".join(sorted(settings.protocol.confounders)) or "honest",
        "positive": card.positive,
        "negative": card.negative,
        "n_train": split.counts["train"],
        "n_validation": split.counts["validation"],
        "test_only": list(split.test_only),
        "protocol_version": PROTOCOL_VERSION,
        "slide_unit": split.slide_unit,
        "seen": sorted(set(pretrained_on) & set(card.origin)),  # images that the backbone was pretrained on
        **({"confounded_with": dict(split.confounded_with)} if split.confounded_with else {}),
    }
