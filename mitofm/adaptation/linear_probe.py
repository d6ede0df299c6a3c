"""Linear probe: logistic regression on standardised embeddings, its strength of regularisation chosen, not guessed."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold

from mitofm.adaptation.frozen import FittedHead, Labelled
from mitofm.errors import MitofmError
from mitofm.seeds import derive


class LinearProbe:
    """L2-regularised logistic regression by L-BFGS, run to convergence, warm-started along the path of C.

    C is scikit-learn's: the inverse weight of the penalty against the sum of the losses.

    Args:
        name: of the adaptation.
        c: the values of C to choose from.
        c_without_choice: what is used where the cells are too few to choose by cross-validation.
        folds: of the cross-validation that chooses C where the validation side is too small.
        tolerance: largest component of the gradient at which the fit has converged.
        max_iter: of L-BFGS per C; reaching it is recorded.
    """

    def __init__(
        self,
        name: str,
        c: Sequence[float],
        c_without_choice: float,
        folds: int = 5,
        tolerance: float = 1e-6,
        max_iter: int = 5000,
    ) -> None:
        if not c or min(c) <= 0:
            raise MitofmError(f"adaptation.c={list(c)}: give the values of C to choose from, each above 0")
        self.name = name
        self.c = sorted(float(value) for value in c)
        self.c_without_choice = c_without_choice
        self.folds = folds
        self.tolerance = tolerance
        self.max_iter = max_iter

    def fit(self, train: Labelled, validation: Labelled | None, *, balanced: bool, seed: int) -> FittedHead:
        """Fit the probe; see `FrozenAdaptation.fit`. Ties between values of C go to the stronger penalty."""
        if validation is not None:
            path = self._path(train, self.c, balanced)
            scores = [roc_auc_score(validation.labels, head.logits(validation.embeddings)) for head in path]
            best = int(np.argmax(scores))
            return _noted(path[best], "validation", self.c, scores)
        scores = self._cross_validated(train, balanced, seed)
        c = self.c[int(np.argmax(scores))] if scores else self.c_without_choice
        head = self._path(train, [c], balanced)[0]
        return _noted(head, "cross_validation" if scores else "fixed", self.c if scores else [c], scores)

    def _cross_validated(self, train: Labelled, balanced: bool, seed: int) -> list[float]:
        """AUROC of the pooled out-of-fold logits for every C; empty where some fold would lack a class."""
        slides_per_class = [len(set(train.slides[train.labels == label])) for label in (0, 1)]
        folds = min(self.folds, *slides_per_class)
        if folds < 2:
            return []
        splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=derive(seed, "probe folds") % 2**32)
        pooled = np.empty((len(self.c), len(train.labels)))
        for fitting, held_out in splitter.split(train.embeddings, train.labels, train.slides):
            if len(set(train.labels[fitting])) < 2:
                return []
            part = Labelled(train.embeddings[fitting], train.labels[fitting], train.slides[fitting])
            for row, head in enumerate(self._path(part, self.c, balanced)):
                pooled[row, held_out] = head.logits(train.embeddings[held_out])
        return [float(roc_auc_score(train.labels, logits)) for logits in pooled]

    def _path(self, train: Labelled, c: Sequence[float], balanced: bool) -> list[FittedHead]:
        """One head per C, in the order given (ascending, so that each starts from its stronger neighbour)."""
        mean = train.embeddings.mean(axis=0, dtype=np.float64)
        std = train.embeddings.std(axis=0, dtype=np.float64)
        std[std == 0] = 1.0  # a constant feature carries nothing; leave it at zero
        standardised = (train.embeddings - mean) / std
        model = LogisticRegression(
            tol=self.tolerance,
            max_iter=self.max_iter,
            class_weight="balanced" if balanced else None,
            warm_start=True,
        )
        heads = []
        for value in c:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always", ConvergenceWarning)
                model.set_params(C=value).fit(standardised, train.labels)
            converged = not any(issubclass(warning.category, ConvergenceWarning) for warning in caught)
            weight = model.coef_[0] / std
            bias = float(model.intercept_[0] - weight @ mean)
            heads.append(FittedHead(weight, bias, {"c": value, "converged": converged}))
        return heads


def _noted(head: FittedHead, rule: str, c: Sequence[float], scores: Sequence[float]) -> FittedHead:
    notes = {"c_rule": rule, "c_scores": dict(zip(map(str, c), map(float, scores), strict=False))}
    return FittedHead(head.weight, head.bias, head.notes | notes)
