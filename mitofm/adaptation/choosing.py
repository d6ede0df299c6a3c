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

    def logits_of(self, heads: Sequence[Fitted], samples: Labelled) -> np.ndarray:
        """The logits of several heads of one path for the same samples: float64 (heads, n)."""
        return np.stack([head.logits(samples.embeddings) for head in heads])

    def fit(
        self, train: Labelled, validation: Labelled | None, *, balanced: bool, seed: int, device: str = "cpu"
    ) -> Fitted:
        """Fit the head of the best value; see `FrozenAdaptation.fit`."""
        more: dict[str, Any] = {"balanced": balanced, "seed": seed, "device": device}
        if len(self.values) == 1:
            return self._note(self.fit_path(train, self.values, **more)[0], "given", [])
        if validation is not None:
            heads = self.fit_path(train, self.values, **more)
            scores = _score(validation.labels, self.logits_of(heads, validation))
            return self._note(heads[int(np.argmax(scores))], "validation", scores)
        scores = self._cross_validate(train, **more)
        value = self.values[int(np.argmax(scores))] if scores else self.without_choice
        return self._note(self.fit_path(train, [value], **more)[0], "cross_validation" if scores else "fixed", scores)

    def _cross_validate(self, train: Labelled, *, balanced: bool, seed: int, device: str) -> list[float]:
        """AUROC of the pooled out-of-fold logits for every value; empty if some fold would lack a class."""
        parts = make_folds(train.labels, train.slides, self.folds, seed)
        pooled = np.empty((len(self.values), len(train)))
        for fitting, held_out in parts:
            heads = self.fit_path(train.select(fitting), self.values, balanced=balanced, seed=seed, device=device)
            pooled[:, held_out] = self.logits_of(heads, train.select(held_out))
        return _score(train.labels, pooled) if parts else []

    def _note(self, head: Fitted, rule: str, scores: Sequence[float]) -> Fitted:
        scored = dict(zip(map(str, self.values), scores, strict=False))
        return replace(head, notes=head.notes | {f"{self.choice}_rule": rule, f"{self.choice}_scores": scored})


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
