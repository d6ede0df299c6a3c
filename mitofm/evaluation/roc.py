"""The ROC curve: the sensitivity that a score reaches at each share of false positives."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from mitofm.evaluation.metrics import Columns, weigh

SHARES = np.linspace(0, 1, 101)
"""Of negatives called positive, at which curves are read."""


def average_curve(trainings: Iterable[Columns]) -> list[float]:
    """The mean sensitivity of several trainings at each of `SHARES` (Fawcett 2006, Pattern Recognit Lett 27:861).

    `trainings` has for each label and logit of its samples, and test_chance if known (`metrics.weigh`). Those without both
    classes are left out; empty if none is left.
    """
    from sklearn.metrics import roc_curve

    read = []
    for tested in trainings:
        labels, logits = np.asarray(tested["label"]), np.asarray(tested["logit"], dtype=float)
        if len(np.unique(labels)) == 2:
            false, found, _ = roc_curve(labels, logits, sample_weight=weigh(tested))
            read.append(np.interp(SHARES, false, found))
    return np.mean(read, axis=0).tolist() if read else []
