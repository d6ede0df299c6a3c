"""Numbers and names as a report prints them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from mitofm.evaluation.statistics import Estimate
from mitofm.reporting.estimates import ALL, DOMAIN

NOTHING = "–"


def point(estimate: Estimate) -> str:
    """The value alone."""
    return NOTHING if estimate.value is None else f"{estimate.value:.3f}"


def with_interval(estimate: Estimate) -> str:
    """The value with its interval, or without one where there is none."""
    if estimate.low is None or estimate.high is None:
        return point(estimate)
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"


def difference(estimate: Estimate) -> str:
    """A difference with its interval; every number carries its sign."""
    if estimate.value is None:
        return NOTHING
    if estimate.low is None or estimate.high is None:
        return signed(estimate.value)
    return f"{signed(estimate.value)} ({signed(estimate.low)} to {signed(estimate.high)})"


def signed(value: float) -> str:
    """A number with its sign, the minus as long as a plus; what rounds to nothing has none."""
    text = f"{value:+.3f}"
    return "0.000" if text in ("+0.000", "-0.000") else text.replace("-", "\N{MINUS SIGN}")


def ends(estimates: Sequence[Estimate]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values, lower and upper ends of the intervals, for drawing; NaN where there is none."""
    columns = zip(*((estimate.value, estimate.low, estimate.high) for estimate in estimates), strict=True)
    value, low, high = (np.array(column, dtype=float) for column in columns)
    return value, low, high


def set_words(name: str) -> str:
    """An evaluation set in words."""
    if name == ALL:
        return "all test slides"
    if name.startswith(DOMAIN):
        return name.removeprefix(DOMAIN)
    return {"in_domain": "in-domain", "out_of_domain": "out-of-domain"}.get(name, name)


def listed(*parts: str) -> str:
    """Parts with commas between them; empty ones are left out."""
    return ", ".join(filter(None, parts))


def titled(what: str, where: str) -> str:
    """What a figure is, and of what where that needs words."""
    return f"{what}: {where}" if where else what


def aside(name: str) -> str:
    """An evaluation set in words where a reader must be told: all test slides go without saying."""
    return "" if name == ALL else set_words(name)


def limits(estimates: Iterable[Estimate]) -> tuple[float, float]:
    """Axis limits for values in [0, 1]: all values and intervals, with some air, in steps of 0.05."""
    found = [bound for e in estimates for bound in (e.value, e.low, e.high) if bound is not None] or [0.5, 1.0]
    low, high = math.floor((min(found) - 0.01) * 20) / 20, math.ceil((max(found) + 0.01) * 20) / 20
    return max(0.0, low), min(1.005, high)
