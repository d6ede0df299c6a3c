"""What differences allow to say, one interval deciding all: other than 0, within a margin of it, or neither.

Interval and test are one thing: p is under 5 % where the interval leaves out 0. Two methods are equivalent if all of the
interval lies within the margin, which is two one-sided tests at 2.5 % (Schuirmann 1987, J Pharmacokinet Biopharm 15:657).
For a family of K the interval is that of 1 - 5 % / K, so that the chance of any false word is at most 5 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import log, sqrt

from scipy.optimize import brentq
from scipy.stats import studentized_range
from scipy.stats import t as student

from mitofm.evaluation.statistics import LEVEL, NO_INTERVAL, NOT_DECIDED, ONE_TRAINING, Estimate

MARGIN = 0.02
"""AUROCs closer than this are called equal for practical purposes, unless a study states its own margin."""
BETTER, WORSE, EQUIVALENT = "better", "worse", "equivalent"
_STEP, _FARTHEST = 1.15, 1e3


def difference_p(found: Estimate, count: int = 1) -> float | None:
    """Two-sided p value of no difference times `count` (Bonferroni); None without an interval.

    By t: the largest chance of error at which the interval still holds 0. Under 5 % if and only if that of `found` leaves
    out 0, which is the one `among` so many.
    """
    if found.low is None or found.high is None:
        return None

    def hold_zero(errors: float) -> float:
        """By how much the interval of so many standard errors holds 0."""
        reached = found.reach(errors)
        return min(reached.high or 0.0, -(reached.low or 0.0))

    own = float(student.ppf(1 - (1 - LEVEL) / (2 * count), found.degrees))
    # Near an end the interval of a difference grows by steps; its root is looked for on the side that its own ends say.
    least, most = (0.0, own) if found.low <= 0 <= found.high else (own, _FARTHEST)
    errors = most
    if hold_zero(most) > 0:
        errors = brentq(hold_zero, least, most) if hold_zero(least) < 0 else least
    return min(1.0, float(2 * count * student.sf(errors, found.degrees)))


def judge(found: Estimate, margin: float = MARGIN) -> str:
    """One of: better, worse, equivalent, not decided, no interval, one training only.

    A difference that is smaller than the margin for sure is called equivalent, however surely it is not 0.
    """
    if found.verdict in (NO_INTERVAL, ONE_TRAINING) or found.low is None or found.high is None:
        return found.verdict
    if -margin < found.low and found.high < margin:
        return EQUIVALENT
    return NOT_DECIDED if not found.decided else BETTER if found.low > 0 else WORSE


def compare_all(differences: Sequence[Estimate], members: int) -> list[Estimate]:
    """Differences between some of `members`, with intervals that hold together for all pairs of these.

    So they do for any that is picked for its value, such as the highest minus another. By the studentized range (Tukey
    1953; Kramer 1956, Biometrics 12:307), which is safe for unequal and dependent estimates. What trainings make of a
    difference is at least what they make of all on average: of many pairs some look as if training made none by chance.
    """
    if members < 3:
        return list(differences)
    known = [one.training_sd for one in differences if one.training_sd is not None]
    shared = sqrt(sum(one**2 for one in known) / len(known)) if known else 0.0
    return [one if one.low is None else _widen(one, members, shared) for one in differences]


def _widen(one: Estimate, members: int, training_sd: float) -> Estimate:
    floored = one.with_training(max(one.training_sd or 0.0, training_sd))
    # Rounded down, which is safe: each number of degrees costs a double integral.
    steps = int(log(max(floored.degrees, 1.0), _STEP))
    return floored.reach(_find_range(members, _STEP**steps))


@cache
def _find_range(members: int, degrees: float) -> float:
    """How many standard errors all differences between `members` equal ones stay under."""
    return float(studentized_range.ppf(LEVEL, members, degrees)) / sqrt(2)
