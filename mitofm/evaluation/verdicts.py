"""What differences allow to say, one interval deciding all: other than 0, within a margin of it, or neither.

Interval and test are one thing: p is under 5 % where the interval leaves out 0. Two methods are equivalent if all of the
interval lies within the margin, which is two one-sided tests at 2.5 % (Schuirmann 1987, J Pharmacokinet Biopharm 15:657).
For a family of K the interval is that of 1 - 5 % / K, so that the chance of any false word is at most 5 %.
"""

from __future__ import annotations

from functools import cache
from math import log, sqrt

from scipy.stats import studentized_range
from scipy.stats import t as student

from mitofm.evaluation.statistics import LEVEL, NO_INTERVAL, NOT_DECIDED, ONE_TRAINING, Estimate

MARGIN = 0.02
"""AUROCs closer than this are called equal for practical purposes, unless a study states its own margin."""
BETTER, WORSE, EQUIVALENT = "better", "worse", "equivalent"
_STEP = 1.15


def difference_p(found: Estimate, count: int = 1) -> float | None:
    """Two-sided p value of no difference, from t, times `count` (Bonferroni); None without an interval.

    1 if no slide and no training makes any difference.
    """
    if found.value is None or not found.standard_error:
        return 1.0 if found.value == found.standard_error == 0 else None
    return min(1.0, float(2 * count * student.sf(abs(found.value) / found.standard_error, found.degrees)))


def judge(found: Estimate, margin: float = MARGIN) -> str:
    """One of: better, worse, equivalent, not decided, no interval, one training only.

    A difference that is smaller than the margin for sure is called equivalent, however surely it is not 0; so is one that
    is nothing on every slide in every seed.
    """
    if found.value == found.standard_error == 0:
        return EQUIVALENT
    if found.verdict in (NO_INTERVAL, ONE_TRAINING) or found.low is None or found.high is None:
        return found.verdict
    if -margin < found.low and found.high < margin:
        return EQUIVALENT
    return NOT_DECIDED if not found.decided else BETTER if found.low > 0 else WORSE


def compare_all(found: Estimate, members: int) -> Estimate:
    """A difference of two of `members` that are all compared with each other: those intervals hold together.

    So they do for any that is picked for its value, such as the highest minus another. By the studentized range (Tukey
    1953; Kramer 1956, Biometrics 12:307), which is safe for unequal and dependent estimates.
    """
    if members < 3 or found.low is None:
        return found
    # Rounded down, which is safe: each number of degrees costs a double integral.
    steps = int(log(max(found.degrees, 1.0), _STEP))
    return found.reach(_find_range(members, _STEP**steps))


@cache
def _find_range(members: int, degrees: float) -> float:
    """How many standard errors all differences between `members` equal ones stay under."""
    return float(studentized_range.ppf(LEVEL, members, degrees)) / sqrt(2)
