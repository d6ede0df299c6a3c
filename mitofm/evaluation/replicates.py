"""Every metric of a run's predictions, of all slides and without each: what intervals and paired differences are made of.

Small beside the predictions, so that it is computed once and kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mitofm.evaluation import metrics
from mitofm.ground import fingerprints

VERSION = 5  # raise it when the same predictions would give other numbers
_AT_ONCE = 1_000_000
"""Weights in memory at a time: slides are left out in portions."""


@dataclass(frozen=True)
class Replicates:
    """One run on one evaluation set.

    Attributes:
        slides: names of its S slides, sorted.
        samples: fingerprint of its samples, their slides and labels, whatever their order.
        values: by metric 1 + S values: of all samples, then without each slide; None if it is not defined.
    """

    slides: list[str]
    samples: str
    values: Mapping[str, list[float | None]]

    def of(self, metric: str) -> np.ndarray:
        """(1 + S,) values of `metric`, NaN if it is not defined."""
        return np.array(self.values[metric], dtype=float)


def replicate(predictions: pd.DataFrame, threshold: float) -> Replicates:
    """Leave out one slide after the other.

    `predictions` has one row per sample (sample_id, slide, label, logit); `threshold` is the chosen one, log-odds.
    """
    predictions = predictions.sort_values("sample_id")
    labels, logits = predictions["label"].to_numpy(), predictions["logit"].to_numpy(dtype=float)
    codes, slides = pd.factorize(predictions["slide"], sort=True)
    portions = np.array_split(np.arange(len(slides)), 1 + len(slides) * labels.size // _AT_ONCE)
    parts = [metrics.measure(labels, logits, threshold)]  # the very numbers of `metrics.json`
    parts += [metrics.measure(labels, logits, threshold, (codes != one[:, None]).astype(float)) for one in portions]
    values = {name: np.hstack([part[name] for part in parts]) for name in parts[0]}
    samples = predictions[["sample_id", "slide", "label"]].astype(str)
    return Replicates(
        [str(slide) for slide in slides],
        fingerprints.of(samples.to_numpy().tolist()),
        {name: [None if np.isnan(value) else float(value) for value in found] for name, found in values.items()},
    )
