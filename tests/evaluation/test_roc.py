from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from mitofm.evaluation.roc import SHARES, average_curve


def test_the_area_under_a_mean_curve_is_the_mean_auroc() -> None:
    rng = np.random.default_rng(0)
    trainings = []
    for shift in (0.5, 1.5):
        label = rng.integers(0, 2, 4000)
        trainings.append(pd.DataFrame({"label": label, "logit": shift * label + rng.standard_normal(4000)}))
    found = average_curve(trainings)
    mean = np.mean([roc_auc_score(one["label"], one["logit"]) for one in trainings])
    assert np.trapezoid(found, SHARES) == pytest.approx(mean, abs=2e-3)
    assert np.all(np.diff(found) >= 0)


def test_a_perfect_score_finds_all_at_once_and_one_class_has_no_curve() -> None:
    perfect = pd.DataFrame({"label": [0, 0, 1, 1], "logit": [0.0, 1.0, 2.0, 3.0]})
    assert average_curve([perfect, perfect.assign(label=1)]) == [1.0] * len(SHARES)
    assert average_curve([perfect.assign(label=0)]) == []
