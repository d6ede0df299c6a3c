"""How a frozen mode chooses its one setting: on validation samples, else by folds of slides, else not at all (contract 4)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Generic, TypeVar

import numpy as np
from annotated_types import Ge
from scipy.stats import rankdata

from mitofm.adaptation.frozen import FrozenAdaptation, Head, Labelled
from mitofm.data.folds import draw_folds
from mitofm.ground.errors import MitofmError
from mitofm.ground.seeds import stream

Fitted = TypeVar("Fitted", bound=Head)


class Choosing(FrozenAdaptation, Generic[Fitted]):
    """A frozen mode with one setting to choose: the value with the highest AUROC.

    Args:
        choice: the setting's key in the adaptation's YAML.
        values: to choose from, the most cautious first: of several that are equally good the first is taken.
        without_choice: the value to use if the slides are too few for cross-validation.
        folds: of the cross-validation that chooses if the validation side is too small.
        name, more: see `FrozenAdaptation`.
    """

    def __init__(
        self,
        name: str,
        choice: str,
        values: list[float],
        without_choice: float,
        folds: Annotated[int, Ge(2)] = 5,
        **more: Any,
    ) -> None:
        super().__init__(name, **more)
        if not values:
            raise MitofmError(f"adaptation.{choice}=[]: give the values to choose from, or one to take as it is")
        self.choice = choice
        self.values = values
        self.without_choice = without_choice
        self.folds = folds

    @abstractmethod
    def fit_path(
        self, train: Labelled, values: Sequence[float], *, balanced: bool, seed: int, device: str
    ) -> Sequence[Fitted]:
        """One head per value, in the order given, all fitted to `train`; see `FrozenAdaptation.fit`."""

    def fit(
        self, train: Labelled, validation: Labelled | None, *, balanced: bool, seed: int, device: str = "cpu"
    ) -> Fitted:
        """Fit the head of the best value; see `FrozenAdaptation.fit`."""
        more: dict[str, Any] = {"balanced": balanced, "seed": seed, "device": device}
        scores: list[float] = []
        if len(self.values) == 1:
            rule, head = "given", self.fit_path(train, self.values, **more)[0]
        elif validation is not None:
            heads = self.fit_path(train, self.values, **more)
            scores = _score(validation.labels, self.head.predict(heads, validation.embeddings))
            rule, head = "validation", heads[int(np.argmax(scores))]
        else:
            scores = self._cross_validate(train, seed, more)
            value = self.values[int(np.argmax(scores))] if scores else self.without_choice
            rule, head = "cross_validation" if scores else "fixed", self.fit_path(train, [value], **more)[0]
        scored = dict(zip(map(str, self.values), scores, strict=False))
        return replace(head, notes=head.notes | {f"{self.choice}_rule": rule, f"{self.choice}_scores": scored})

    def _cross_validate(self, train: Labelled, seed: int, more: dict[str, Any]) -> list[float]:
        """AUROC of the pooled out-of-fold logits for every value; empty if some fold would lack a class."""
        parts = make_folds(train.labels, train.slides, self.folds, seed)
        pooled = np.empty((len(self.values), len(train)))
        for fitting, held_out in parts:
            heads = self.fit_path(train.select(fitting), self.values, **more)
            pooled[:, held_out] = self.head.predict(heads, train.select(held_out).embeddings)
        return _score(train.labels, pooled) if parts else []


def make_folds(labels: np.ndarray, slides: np.ndarray, folds: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Positions to fit on and to hold out, of up to `folds` folds of whole slides; none if a fold would lack a class.

    `labels` are int (n,), 0 or 1; `slides` (n,) are those of the same samples.
    """
    folds = min(folds, *(len(set(slides[labels == label])) for label in (0, 1)))
    if folds < 2:
        return []
    fold = draw_folds(labels, slides, folds, stream(seed, "probe folds"))
    return [(np.flatnonzero(fold != held_out), np.flatnonzero(fold == held_out)) for held_out in range(folds)]


def _score(labels: np.ndarray, logits: np.ndarray) -> list[float]:
    """AUROC of each row of logits: sums of ranks, which are exact, so that equally good rows are equal to the last digit."""
    positive = labels == 1
    least, pairs = positive.sum() * (positive.sum() + 1) / 2, positive.sum() * (~positive).sum()
    return [float((rankdata(row)[positive].sum() - least) / pairs) for row in logits]
