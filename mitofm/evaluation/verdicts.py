"""What differences allow to say: p values, equivalence, and the correction for how many are asked about."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import t as student

from mitofm.evaluation.statistics import Estimate

SIGNIFICANCE = 0.05
MARGIN = 0.02
"""AUROCs closer than this are called equal for practical purposes, unless a study states its own margin."""
BETTER, WORSE, EQUIVALENT = "better", "worse", "equivalent"
NOT_DECIDED, NO_INTERVAL = "not decided", "no interval"


def difference_p(found: Estimate) -> float | None:
    """Two-sided p value of no difference, from t; 1 if no slide makes any; None without an interval."""
    if found.value is None or not found.standard_error:
        return 1.0 if found.value == found.standard_error == 0 else None
    return float(2 * student.sf(abs(found.value) / found.standard_error, found.degrees))


def equivalence_p(found: Estimate, margin: float = MARGIN) -> float | None:
    """p value of a difference of at least `margin`, the larger of two one-sided tests, as `difference_p` gives none.

    Small if the two are equivalent (Schuirmann 1987, J Pharmacokinet Biopharm 15:657).
    """
    if found.value is None or not found.standard_error:
        return 0.0 if found.value == found.standard_error == 0 else None
    return float(student.sf((margin - abs(found.value)) / found.standard_error, found.degrees))


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Adjusted p values: rejecting those under alpha keeps the chance of any false one in the family under alpha.

    The step-down method of Holm (1979, Scand J Stat 6:65). None (nothing was tested) stays None and does not count.
    """
    known = [place for place, p in enumerate(p_values) if p is not None]
    ordered = sorted(known, key=lambda place: p_values[place])  # type: ignore[arg-type, return-value]
    raw = np.array([p_values[place] for place in ordered], dtype=float)
    steps = np.minimum(1.0, np.maximum.accumulate(raw * np.arange(len(raw), 0, -1)))
    adjusted: list[float | None] = [None] * len(p_values)
    for place, p in zip(ordered, steps, strict=True):
        adjusted[place] = float(p)
    return adjusted


def judge(found: Estimate, different_p: float | None, equivalent_p: float | None) -> str:
    """One of: better, worse, equivalent, not decided, no interval.

    A difference that is smaller than the margin for sure is called equivalent, however surely it is not 0.
    `different_p` and `equivalent_p` are of `difference_p` and `equivalence_p`, corrected if several are asked about.
    """
    if found.value is None or different_p is None or equivalent_p is None:
        return NO_INTERVAL
    if equivalent_p < SIGNIFICANCE:
        return EQUIVALENT
    if different_p < SIGNIFICANCE:
        return BETTER if found.value > 0 else WORSE
    return NOT_DECIDED
