"""What differences allow to say, one interval deciding all: other than 0, within a margin of it, or neither.

Interval and test are one thing: p is under 5 % where the interval leaves out 0. Two methods are equivalent if all of the
interval lies within the margin, which is two one-sided tests at 2.5 % (Schuirmann 1987, J Pharmacokinet Biopharm 15:657).
For a family of K the interval is that of 1 - 5 % / K, so that the chance of any false word is at most 5 %.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from math import log, sqrt

from scipy.optimize import newton
from scipy.special import stdtr, stdtrit
from scipy.stats import studentized_range

from mitofm.evaluation.statistics import (
    LEVEL,
    NO_INTERVAL,
    NOT_DECIDED,
    ONE_TRAINING,
    Estimate,
    measure_tails,
    reach_all,
)

MARGIN = 0.02
"""AUROCs closer than this are called equal for practical purposes, unless a study states its own margin."""
BETTER, WORSE, EQUIVALENT = "better", "worse", "equivalent"
_STEP, _LEAST_CHANCE = 1.15, 1e-15


def difference_p(found: Estimate, count: int = 1) -> float | None:
    """Two-sided p value of no difference times `count` (Bonferroni); None without an interval.

    The largest chance of error at which the interval still holds 0. Under 5 % if and only if the interval `among` so many
    leaves out 0.
    """
    return difference_ps([found], count)[0]


def difference_ps(found: Sequence[Estimate], count: int = 1) -> list[float | None]:
    """Of each."""
    known = [one for one in found if one.low is not None and one.high is not None]
    tails = iter(measure_tails(known, 0.0))
    return [None if one.low is None or one.high is None else min(1.0, 2 * count * next(tails)) for one in found]


def judge(found: Estimate, margin: float = MARGIN) -> str:
    """One of: better, worse, equivalent, not decided, no interval, one training only.

    A difference that is smaller than the margin for sure is called equivalent, however surely it is not 0.
    """
    if found.verdict in (NO_INTERVAL, ONE_TRAINING) or found.low is None or found.high is None:
        return found.verdict
    if -margin < found.low and found.high < margin:
        return EQUIVALENT
    return NOT_DECIDED if not found.decided else BETTER if found.low > 0 else WORSE


def compare_all(
    differences: Sequence[Estimate], members: int, find_range: Callable[[int, float], float] | None = None
) -> list[Estimate]:
    """Differences between some of `members`, with intervals that hold together for all pairs of these.

    So they do for any that is picked for its value, such as the highest minus another. By the studentized range (Tukey
    1953; Kramer 1956, Biometrics 12:307), which is safe for unequal and dependent estimates. What trainings make of a
    difference is at least what they make of all on average: of many pairs some look as if training made none by chance.

    Args:
        differences: of three or more members they need no interval of their own (`statistics.subtract_joined`).
        members: how many there are.
        find_range: another one, which remembers what `find_range` gave.
    """
    return compare_families([(differences, members)], find_range)[0]


def compare_families(
    families: Sequence[tuple[Sequence[Estimate], int]], find_range: Callable[[int, float], float] | None = None
) -> list[list[Estimate]]:
    """As `compare_all` of each family, differences and members: all ends are found together."""
    found = [list(differences) for differences, _ in families]
    places, floored, tails = [], [], []
    for family, (differences, members) in enumerate(families):
        if members < 3:
            continue
        known = [one.training_sd for one in differences if one.training_sd is not None]
        shared = sqrt(sum(one**2 for one in known) / len(known)) if known else 0.0
        for place, one in enumerate(differences):
            if one.value is not None and one.standard_error:
                places.append((family, place))
                floored.append(one.with_training(max(one.training_sd or 0.0, shared)))
                tails.append(_find_tail(floored[-1], members, find_range or _find_range))
    for (family, place), one in zip(places, reach_all(floored, tails), strict=True):
        found[family][place] = one
    return found


def _find_tail(one: Estimate, members: int, find: Callable[[int, float], float]) -> float:
    """The chance of error on each side at which intervals of all pairs hold together."""
    # Rounded down, which is safe: each number of degrees costs a double integral.
    steps = int(log(max(one.degrees, 1.0), _STEP))
    errors = find(members, _STEP**steps)
    return float(stdtr(one.degrees, -errors))


def find_range(members: int, degrees: float) -> float:
    """How many standard errors all differences between `members` equal ones stay under: a double integral."""
    pairs = members * (members - 1) / 2

    def spell(chance: float) -> float:
        # A chance as the bound for as many independent pairs: nearly a line along the range, whose root is found in five steps.
        return float(-stdtrit(degrees, max(chance, _LEAST_CHANCE) / 2 / pairs)) * sqrt(2)

    wanted = spell(1 - LEVEL)

    def apart(reach: float) -> float:
        return spell(1 - float(studentized_range.cdf(reach, members, degrees))) - wanted

    found, how = newton(apart, wanted, x1=0.97 * wanted, tol=1e-9, full_output=True, disp=False)
    return (float(found) if how.converged else float(studentized_range.ppf(LEVEL, members, degrees))) / sqrt(2)


_find_range = cache(find_range)
