"""Linear probe: logistic regression on standardised embeddings, its strength of regularisation chosen, not guessed."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np

from mitofm.adaptation import logistic
from mitofm.adaptation.choosing import Choosing
from mitofm.adaptation.frozen import AffineHead, Labelled
from mitofm.ground.settings import Count, Positive

_log = logging.getLogger(__name__)


class LinearProbe(Choosing[AffineHead]):
    """L2-regularised logistic regression, run to convergence, the whole path of C in one warm-started pass.

    Its logit is the regression's. C is scikit-learn's: the inverse weight of the penalty against the sum of the losses.

    Args:
        c: the values of C to choose from.
        tolerance: norm of the gradient at which the fit has converged; no coefficient is further from its solution.
        max_iter: Newton steps per C; reaching them is recorded.
        name, c_without_choice, more: see `Choosing`.
    """

    head = AffineHead

    def __init__(
        self,
        name: str,
        c: Sequence[Positive],
        c_without_choice: Positive,
        tolerance: Positive = 1e-6,
        max_iter: Count = 100,
        **more: Any,
    ) -> None:
        super().__init__(name, "c", sorted(map(float, c)), c_without_choice, **more)
        self.tolerance = tolerance
        self.max_iter = max_iter

    def fit_path(
        self, train: Labelled, values: Sequence[float], *, balanced: bool, seed: int, device: str
    ) -> list[AffineHead]:
        """See `Choosing.fit_path`; nothing here is random."""
        embeddings = train.embeddings[:]
        design = np.ones((len(train), embeddings.shape[1] + 1))
        features = design[:, :-1]
        features[:] = embeddings
        mean = features.mean(axis=0)
        features -= mean
        std = np.sqrt(np.einsum("nd,nd->d", features, features) / len(train))
        std[std <= 1e-12 * np.abs(mean)] = 1.0  # a constant feature carries nothing; leave it at zero
        features /= std
        weights = train.class_weights(balanced)[train.labels]
        heads = []
        solutions = logistic.fit_path(design, train.targets, weights, values, self.tolerance, self.max_iter)
        for c, found in zip(values, solutions, strict=True):
            converged = found.gradient_norm <= self.tolerance
            if not converged:
                _log.warning(
                    f"the probe has not converged at C={c:g}: gradient norm {found.gradient_norm:.1e} after {self.max_iter} "
                    "steps; raise adaptation.max_iter"
                )
            weight = found.weight / std
            notes = {"c": c, "converged": converged, "gradient_norm": float(f"{found.gradient_norm:.0e}")}
            heads.append(AffineHead(weight, np.asarray([found.bias - weight @ mean]), notes=notes))
        return heads
