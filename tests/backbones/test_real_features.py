"""Frozen features of real weights on real crops reach what independent code reached with the same recipe.

Features (DeiT: class token and patch mean; MobileNetV2: pooled), standardised, logistic regression with C = 0.01 and
balanced classes, five folds grouped by slide, metrics of the pooled out-of-fold logits, mean over three seeds of folds.
One row runs with the suite; MITOFM_ALL_REAL=1 runs them all (ten minutes of two cores).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mitofm.backbones.build import build
from mitofm.backbones.embeddings import embed
from mitofm.backbones.spec import BackboneSpec
from mitofm.backbones.weights import find
from mitofm.data.dataset import Dataset
from mitofm.ground.fingerprints import Remembered

DEIT = ("backbone=deit_tiny", "backbone.embedding=cls_mean")
MOBILENET = ("backbone=mobilenetv2",)
# What to compose, then balanced accuracy and AUROC as reached independently.
ROWS = [
    ("ami", 64, 96, DEIT, 0.643, 0.686),
    ("ami", 128, 224, DEIT, 0.621, 0.671),
    ("ami", 128, 224, MOBILENET, 0.623, 0.685),
    ("mf", 96, 224, DEIT, 0.714, 0.775),
    ("mf", 96, 224, MOBILENET, 0.729, 0.788),
    ("mf_multi", 48, 224, DEIT, 0.808, 0.892),
    ("mf_multi", 48, 224, MOBILENET, 0.834, 0.916),
]
ALL = "MITOFM_ALL_REAL" in os.environ


@pytest.mark.parametrize(
    ("data", "crop_px", "img_size", "backbone", "accuracy", "auroc"),
    [
        pytest.param(*row, marks=[] if n == 0 or ALL else pytest.mark.skip(reason="long: set MITOFM_ALL_REAL=1"))
        for n, row in enumerate(ROWS)
    ],
)
def test_frozen_features_are_worth_what_they_are_known_to_be(
    small: Callable[..., Any],
    real_data: Path,
    real_cache: Path,
    tmp_path: Path,
    data: str,
    crop_px: int,
    img_size: int,
    backbone: tuple[str, ...],
    accuracy: float,
    auroc: float,
) -> None:
    weights = Path(os.environ.get("MITOFM_WEIGHTS", real_data / "weights"))
    config = small(f"data={data}", f"data.crop_px={crop_px}", *backbone, f"backbone.img_size={img_size}",
                   f"paths.data={real_data}", f"paths.weights={weights}")  # fmt: skip
    spec = BackboneSpec.from_config(_plain(config.backbone))
    built = build(spec, find(spec, weights, Remembered(tmp_path)), seed=0)
    store = Dataset(_plain(config.data), real_cache).store()
    parts = embed(store, np.arange(len(store.table)), built, torch.device("cpu"), torch.float32)
    features = np.concatenate([part for _, part in parts])
    labels, slides = store.table["label"].to_numpy(), store.table["slide"].to_numpy()
    scores = np.mean([_score(features, labels, slides, seed) for seed in range(3)], axis=0)
    print(f"{data} {crop_px} -> {img_size} {spec.name}: {scores.round(3)}, expected {accuracy}, {auroc}")
    assert scores == pytest.approx([accuracy, auroc], abs=0.03)


def _plain(config: Any) -> dict[str, Any]:
    from omegaconf import OmegaConf

    return OmegaConf.to_container(config, resolve=True)  # type: ignore[return-value]


def _score(features: np.ndarray, labels: np.ndarray, slides: np.ndarray, seed: int) -> tuple[float, float]:
    logits = np.empty(len(labels))
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
    for fitting, held_out in folds.split(features, labels, slides):
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, class_weight="balanced", max_iter=2000))
        logits[held_out] = probe.fit(features[fitting], labels[fitting]).decision_function(features[held_out])
    return balanced_accuracy_score(labels, logits > 0), roc_auc_score(labels, logits)
