"""A stack of crops in, a class and a confidence for each out: the form of MIDOG 2025, track 2."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from scipy.special import expit

from mitofm.data.augment import cut_centre
from mitofm.evaluation.threshold import call_positives, read_logit
from mitofm.ground.errors import MitofmError
from mitofm.inference.model import Model
from mitofm.inference.scorer import Scorer
from mitofm.training.settings import Trainer

NAME = "multiple-mitotic-figure-classification.json"
"""The file that the challenge reads."""
CLASSES = ("normal", "atypical")


def read_stack(file: Path) -> np.ndarray:
    """The crops of a TIFF of several RGB images, by page: (n, side, side, 3) uint8.

    Raises:
        MitofmError: it cannot be read, or holds anything else.
    """
    try:
        with tifffile.TiffFile(file) as opened:
            pages = [page.asarray() for page in opened.pages]
        crops = np.concatenate([page if page.ndim == 4 else page[None] for page in pages])
    except Exception as error:  # tifffile raises any error on a damaged file
        raise MitofmError(f"stack={file} cannot be read as one ({type(error).__name__}: {error})") from error
    if crops.dtype != np.uint8 or crops.shape[-1] != 3 or crops.shape[1] != crops.shape[2]:
        raise MitofmError(f"stack={file} holds {crops.dtype} of shape {crops.shape}: give square RGB crops of 8 bits")
    return crops


def classify(model: Model, crops: np.ndarray, trainer: Trainer) -> list[dict[str, Any]]:
    """Class and confidence of each crop; the positive class of the cell is taken to be `atypical`.

    A confidence is a probability of balanced classes, moved so that the chosen threshold is 0.5.

    Raises:
        MitofmError: the crops are smaller than what the cell was trained on.
    """
    needed, side = model.facts["patches"]["crop_px"], crops.shape[1]
    if side < needed:
        raise MitofmError(
            f"crops of {side} px are smaller than the {needed} px that {model.name} was trained on: train with data.crop_px={side}"
        )
    logits = Scorer(model, trainer).score(np.ascontiguousarray(cut_centre(crops, needed)))
    cut = read_logit(model.facts["threshold"])
    called = call_positives(logits, cut).astype(int)
    return [
        {"class": CLASSES[one], "confidence": float(confidence)}
        for one, confidence in zip(called, expit(logits - cut), strict=True)
    ]
