"""The ROC curve: the sensitivity that a score reaches at each share of false positives."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from mitofm.evaluation.metrics import weigh

SHARES = np.linspace(0, 1, 101)
"""Of negatives called positive, at which curves are read."""


def average_curve(trainings: Iterable[pd.DataFrame]) -> list[float]:
    """The mean sensitivity of several trainings at each of `SHARES` (Fawcett 2006, Pattern Recognit Lett 27:861).

    `trainings` has for each a frame with label and logit, and test_chance if known (`metrics.weigh`). Those without both
    classes are left out; empty if none is left.
    """
    from sklearn.metrics import roc_curve

    read = []
    for tested in trainings:
        if tested["label"].nunique() == 2:
            weights = weigh(tested)
            false, found, _ = roc_curve(tested["label"], tested["logit"].astype(float), sample_weight=weights)
            read.append(np.interp(SHARES, false, found))
    return np.mean(read, axis=0).tolist() if read else []
