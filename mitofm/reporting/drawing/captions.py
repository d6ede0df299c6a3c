"""What marks, bars and lines of a figure are: only of what is drawn in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mitofm.evaluation.statistics import Estimate
from mitofm.reporting.measured.grouping import Configured

LARGEST = "At the largest fraction."


def describe_marks(estimates: Iterable[Estimate], marks: str, bars: str) -> str:
    """A sentence on `marks` and the `bars` of their intervals, without a full stop.

    It says whether a mark is a mean over seeds, what its interval is over, and nothing of intervals that are not there.
    """
    known = [one for one in estimates if one.value is not None]
    several, single = (any(one.seeds > 1 for one in known), any(one.seeds == 1 for one in known))
    means = "means over seeds" if several else "of one training each"
    also = "; where there is one seed, of that training" if several and single else ""
    over = "slides and trainings" if several else "slides"
    drawn = f"; {bars} are 95 % intervals over {over}" if any(one.low is not None for one in known) else ""
    return f"{marks} are {means}{also}{drawn}"


def describe_twins(items: Iterable[Configured]) -> str:
    """That hollow marks are of random weights; "" if none or all are."""
    twins = {item.configuration.is_twin for item in items}
    return "Hollow, greyed marks are of random weights." if twins == {True, False} else ""


def describe_fraction(drawn: Sequence[object], measured: Iterable[Configured]) -> str:
    """That figures are of the largest fraction; "" if there is no other."""
    return LARGEST if drawn and len({item.configuration.fraction for item in measured}) > 1 else ""
