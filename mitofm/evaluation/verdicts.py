"""What differences allow to say: p values, equivalence, and the correction for how many are asked about."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import t as student

from mitofm.evaluation.statistics import Estimate

SIGNIFICANCE = 0.05
MARGIN = 0.02
"""AUROCs closer than this are called equal for practical purposes, where a study does not state its own margin."""
HIGHER, LOWER, EQUIVALENT, APART = "higher", "lower", "equivalent", "not equivalent"
NOT_DECIDED, NO_INTERVAL = "not decided", "no interval"


def difference_p(found: Estimate) -> float | None:
    """Two-sided p value of no difference, from t; None without an interval."""
    if found.value is None or not found.standard_error:
        return None
    return float(2 * student.sf(abs(found.value) / found.standard_error, found.degrees))


def equivalence_p(found: Estimate, margin: float = MARGIN) -> float | None:
    """p value of a difference of at least `margin`, the larger of two one-sided tests; None without an interval.

    Small where the two are equivalent (Schuirmann 1987, J Pharmacokinet Biopharm 15:657).
    """
    if found.value is None or not found.standard_error:
        return None
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


def of_difference(found: Estimate, p: float | None) -> str:
    """One of: higher, lower, not decided, no interval. `p` is the p value, corrected where several are asked about."""
    if found.value is None or p is None:
        return NO_INTERVAL
    if p >= SIGNIFICANCE:
        return NOT_DECIDED
    return HIGHER if found.value > 0 else LOWER


def of_equivalence(found: Estimate, p: float | None, margin: float = MARGIN) -> str:
    """One of: equivalent, not equivalent (the whole interval is beyond the margin), not decided, no interval."""
    if found.low is None or found.high is None or p is None:
        return NO_INTERVAL
    if p < SIGNIFICANCE:
        return EQUIVALENT
    return APART if found.low > margin or found.high < -margin else NOT_DECIDED
