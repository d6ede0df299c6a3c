"""How much each of several models counts in their mean: fitted on validation samples."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

_NOTHING = 1e-6
"""A weight that is less is what the solver leaves of none."""


def weigh(labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Weights (members,), none negative, of sum 1, by which the mean log-odds have the least log loss; both classes weigh the same.

    Args:
        labels: (n,) of 0 and 1, both present.
        logits: (members, n) on one scale.
    """
    members, signs = len(logits), np.where(labels == 1, 1.0, -1.0)
    each = np.where(labels == 1, 1 / (2 * (labels == 1).sum()), 1 / (2 * (labels == 0).sum()))

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        margins = signs * (weights @ logits)
        return float(each @ np.logaddexp(0, -margins)), -logits @ (each * signs * expit(-margins))

    found = minimize(
        loss,
        np.full(members, 1 / members),
        jac=True,
        method="SLSQP",
        bounds=[(0, 1)] * members,
        constraints={"type": "eq", "fun": lambda weights: weights.sum() - 1, "jac": lambda _: np.ones(members)},
        options={"maxiter": 500, "ftol": 1e-12},
    ).x
    found = np.where(found < _NOTHING, 0.0, found)
    return found / found.sum()
