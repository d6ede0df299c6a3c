"""Positive predictive value at a stated prevalence: test sets hold far more positives than what a model will be used on.

By Bayes' theorem from sensitivity and specificity at the chosen threshold, both taken to be those of the test set. In
log-odds it is the log-odds of the prevalence plus the logarithm of the likelihood ratio of a positive call, so its interval
is equally wide there at every prevalence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mitofm.evaluation.at_once import estimate_many
from mitofm.evaluation.replicates import Replicates, Rows
from mitofm.evaluation.statistics import Estimate

PREVALENCES = (0.05, 0.1, 0.3)
"""Of positives among candidates, from few to nearly as many as in published test sets."""
_METRIC = "ppv"
_SENSITIVITY, _SPECIFICITY = "sensitivity_chosen", "specificity_chosen"


def find_ppv(sensitivity: np.ndarray, specificity: np.ndarray, prevalence: float | np.ndarray) -> np.ndarray:
    """The share of positives among samples that are called positive, if `prevalence` of all are positive.

    Of any shape; NaN if nothing is called positive.
    """
    hits, alarms = np.multiply(sensitivity, prevalence), (1 - np.asarray(specificity)) * (1 - prevalence)
    called = np.asarray(hits + alarms)
    return np.divide(hits, called, out=np.full(called.shape, np.nan), where=called > 0)[()]


def estimate_ppvs(seeds: Sequence[Replicates], prevalences: Sequence[float]) -> dict[float, Estimate]:
    """By prevalence the mean over seeds with its interval over slides and trainings, from what each seed measured.

    Without any false alarm the value is 1 at every prevalence, and how low it may be follows from how low sensitivity and
    specificity may be together; so does how high it may be without any hit.
    """
    return estimate_many_ppvs([seeds], prevalences)[0]


def estimate_many_ppvs(
    measured: Sequence[Sequence[Replicates]], prevalences: Sequence[float]
) -> list[dict[float, Estimate]]:
    """As `estimate_ppvs` of each."""
    names = [*(f"{_METRIC} {one}" for one in prevalences), _SENSITIVITY, _SPECIFICITY]
    derived = [[replace(seed, values=Rows(names, _derive(seed, prevalences))) for seed in seeds] for seeds in measured]
    estimates = estimate_many(derived, {name: place for place, name in enumerate(names)})
    found = []
    for each in estimates:
        sensitivity, specificity = each[_SENSITIVITY], each[_SPECIFICITY]
        found.append({one: _complete(each[f"{_METRIC} {one}"], sensitivity, specificity, one) for one in prevalences})
    return found


def _derive(seed: Replicates, prevalences: Sequence[float]) -> np.ndarray:
    sensitivity, specificity = seed.stack((_SENSITIVITY, _SPECIFICITY))
    values = find_ppv(sensitivity, specificity, np.array(prevalences, dtype=float)[:, None])
    return np.vstack([values, sensitivity, specificity])


def _complete(found: Estimate, sensitivity: Estimate, specificity: Estimate, prevalence: float) -> Estimate:
    if found.value is None:
        return (
            found
            if sensitivity.value is None or specificity.value is None
            else _say(found, "nothing is called positive")
        )
    if found.low is None:
        why = sensitivity.why or specificity.why or "without one slide nothing is called positive"
        return _say(found, why)
    if found.value == 1:
        return replace(found, low=_bound(sensitivity.low, specificity.low, prevalence))
    if found.value == 0:
        return replace(found, high=_bound(sensitivity.high, specificity.high, prevalence))
    return found


def _bound(sensitivity: float | None, specificity: float | None, prevalence: float) -> float:
    return float(find_ppv(np.array(sensitivity, dtype=float), np.array(specificity, dtype=float), prevalence))


def _say(found: Estimate, why: str) -> Estimate:
    return replace(found, low=None, high=None, why=why)
