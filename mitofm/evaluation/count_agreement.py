"""How well counts of positives by slide agree with what was annotated: among given candidates, from stored predictions.

The prevalence-corrected count needs no threshold: the share of positives on a slide is that of highest likelihood, if the
logits, but for the prevalence that they were calibrated to, are right (Saerens, Latinne and Decaestecker 2002, Neural
Computation 14:21). Agreement is the bias with its 95 % limits (Bland and Altman 1986, Lancet 327:307), Lin's concordance (1989,
Biometrics 45:255) and, with cut-offs, Cohen's kappa with linear weights (1968, Psychological Bulletin 70:213).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from mitofm.evaluation.at_once import Estimates, estimate_many
from mitofm.evaluation.replicates import Replicates, Rows
from mitofm.evaluation.statistics import Estimate
from mitofm.evaluation.threshold import call_positives

CALLED, CORRECTED = "called", "corrected"
"""Columns of a count by slide: at the threshold, and corrected for prevalence."""
_LIMITS = 1.96
_HALVINGS = 60
KAPPA = "kappa"
MEASURES = ("count_bias", "count_low", "count_high", "concordance")
_SIGNED = ("concordance", KAPPA)  # from -1 to 1
_NONE: list[str] = []


def count_by_slide(predictions: pd.DataFrame, threshold: float, shift: float, prevalence: float | None) -> pd.DataFrame:
    """A row per slide: slide, domain, evaluation_set, candidates, counted, called and corrected (NaN if not known) positives.

    Args:
        predictions: slide, domain, evaluation_set, label, logit of each candidate.
        threshold: log-odds.
        shift: what calibrated log-odds have beyond the logits.
        prevalence: of the training samples, to which they are calibrated; None: not known.
    """
    codes, slides = pd.factorize(predictions["slide"], sort=True)
    logits = predictions["logit"].to_numpy(dtype=float)
    firsts = predictions.iloc[np.unique(codes, return_index=True)[1]]
    corrected = np.full(len(slides), np.nan)
    if prevalence is not None and 0 < prevalence < 1:
        corrected = _find_shares(logits + shift - logit(prevalence), codes) * np.bincount(codes)
    return pd.DataFrame(
        {
            "slide": slides,
            "domain": firsts["domain"].to_numpy(),
            "evaluation_set": firsts["evaluation_set"].to_numpy(),
            "candidates": np.bincount(codes),
            "counted": np.bincount(codes, weights=predictions["label"]),
            CALLED: np.bincount(codes, weights=call_positives(logits, threshold)),
            CORRECTED: corrected,
        }
    )


def _find_shares(ratios: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """The share of positives of each slide of highest likelihood, from log likelihood ratios (n,): (slides,).

    The likelihood is concave, so that its slope is bisected.
    """
    low, high = np.zeros(codes.max() + 1), np.ones(codes.max() + 1)
    for _ in range(_HALVINGS):
        share = (low + high) / 2
        # What a candidate adds to the slope, times share (1 - share): its probability minus the share.
        rising = np.bincount(codes, weights=expit(ratios + logit(share)[codes]) - share[codes]) > 0
        low, high = np.where(rising, share, low), np.where(rising, high, share)
    return (low + high) / 2


def replicate_agreement(
    counted: np.ndarray, predicted: np.ndarray, classes: tuple[np.ndarray, np.ndarray] | None, slides: Sequence[str]
) -> Replicates:
    """The measures of agreement over S slides and without each, for `estimate_agreement`; kappa if there are classes.

    Args:
        counted: (S,) of each slide.
        predicted: (S,).
        classes: of either count at the cut-offs, int (S,) each; None: there are no cut-offs.
        slides: their names, sorted.
    """
    return replicate_many(counted[None], predicted[None], [classes], slides)[0]


def replicate_many(
    counted: np.ndarray,
    predicted: np.ndarray,
    classes: Sequence[tuple[np.ndarray, np.ndarray] | None],
    slides: Sequence[str],
) -> list[Replicates]:
    """As `replicate_agreement` of each of N pairs of counts, (N, S), on the same slides."""
    n = len(slides)
    x, y = _average(counted), _average(predicted)
    bias = y - x
    squares = _average((predicted - counted) ** 2)
    left = np.full(n + 1, float(n - 1))
    left[0] = n
    spread = np.sqrt(np.maximum(squares - bias**2, 0) * left / np.maximum(left - 1, 1))
    variances = _average(counted**2) - x**2 + _average(predicted**2) - y**2 + bias**2
    concordance = (1 + _divide(variances - squares, variances)) / 2
    # (N, measures, 1 + S)
    values = np.stack([bias, bias - _LIMITS * spread, bias + _LIMITS * spread, concordance], axis=1)
    names, ones, found = list(slides), [1.0] * n, []  # the same lists, so that they are estimated together
    for own, of_both in zip(values, classes, strict=True):
        measures = MEASURES if of_both is None else (*MEASURES, KAPPA)
        if of_both is not None:
            own = np.vstack([own, (1 + _measure_kappa(*of_both)) / 2])
        found.append(Replicates(names, "", ones, ones, Rows(measures, own), _NONE))
    return found


def _average(values: np.ndarray) -> np.ndarray:
    """(..., 1 + S) the means of (..., S), of all and without each: the same of each row whatever others are beside it."""
    total, n = values.sum(axis=-1, keepdims=True), values.shape[-1]
    return np.concatenate([total / max(n, 1), (total - values) / max(n - 1, 1)], axis=-1)


def _measure_kappa(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    levels = np.arange(max(first.max(), second.max()) + 1)
    one, other = (_average((side == levels[:, None]).astype(float)).T for side in (first, second))
    expected = np.einsum("ra,rb,ab->r", one, other, np.abs(levels[:, None] - levels))
    return 1 - _divide(_average(np.abs(first - second).astype(float)), expected)


def _divide(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """NaN if there is nothing to divide by."""
    return np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 1e-12)


def estimate_agreement(seeds: Sequence[Replicates], measures: Sequence[str]) -> dict[str, Estimate]:
    """The means over seeds of measures with their intervals over slides and trainings, as `statistics.estimate`.

    Measures from -1 to 1 have an interval that is symmetric in Fisher's z.
    """
    return dict(estimate_agreements([seeds], measures)[0])


def estimate_agreements(measured: Sequence[Sequence[Replicates]], measures: Sequence[str]) -> list[Agreement]:
    """As `estimate_agreement` of each."""
    return list(map(Agreement, estimate_many(measured, {name: place for place, name in enumerate(measures)})))


class Agreement(Mapping[str, Estimate]):
    """Estimates of measures of agreement by name, made when they are asked for."""

    __slots__ = ("_found",)

    def __init__(self, found: Estimates) -> None:
        self._found = found

    @property
    def numbers(self) -> np.ndarray:
        """As of `Estimates`."""
        return self._found.numbers

    def spell(self) -> dict[str, Any]:
        """All but the numbers as plain data, for `read`."""
        return self._found.spell()

    @classmethod
    def read(cls, measures: Sequence[str], plain: Mapping[str, Any], numbers: np.ndarray) -> Agreement:
        """From what `spell` gives, and the numbers."""
        return cls(Estimates.read({name: place for place, name in enumerate(measures)}, plain, numbers))

    def __getitem__(self, measure: str) -> Estimate:
        return _name_agreement(measure, self._found[measure])

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


def _name_agreement(measure: str, found: Estimate) -> Estimate:
    if found.value is None:
        return replace(found, why="slides do not differ")
    if found.why.startswith("one slide"):
        found = replace(found, why="without one slide the others do not differ")
    if measure not in _SIGNED:
        return found
    value, low, high = (None if end is None else 2 * end - 1 for end in (found.value, found.low, found.high))
    return replace(found, value=value, low=low, high=high, bounded=False)


def classify(counts: np.ndarray, cut_offs: Sequence[float]) -> np.ndarray:
    """How many of the ascending cut-offs each count (n,) reaches: int (n,)."""
    return np.searchsorted(np.asarray(cut_offs, dtype=float), counts, side="right")
