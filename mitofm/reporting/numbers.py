"""Numbers and names as a report prints them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from mitofm.evaluation.statistics import HIGHER, LOWER, NO_INTERVAL, NOT_DECIDED, ONE_TRAINING, Estimate
from mitofm.reporting.measured.results import ALL, DOMAIN, Pair

NOTHING = "–"
COULD_NOT = "could not be decided"
"""By its design: whatever its cells had measured."""


def format_value(estimate: Estimate) -> str:
    """The value alone."""
    return NOTHING if estimate.value is None else f"{estimate.value:.3f}"


def format_interval(estimate: Estimate) -> str:
    """The value, with its interval if there is one."""
    if estimate.low is None or estimate.high is None:
        return format_value(estimate)
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"


def format_difference(estimate: Estimate) -> str:
    """A difference with its interval; every number carries its sign."""
    if estimate.value is None:
        return NOTHING
    if estimate.low is None or estimate.high is None:
        return format_signed(estimate.value)
    return f"{format_signed(estimate.value)} ({format_signed(estimate.low)} to {format_signed(estimate.high)})"


def format_signed(value: float) -> str:
    """A number with its sign, the minus as long as a plus; what rounds to nothing has none."""
    text = f"{value:+.3f}"
    return "0.000" if text in ("+0.000", "-0.000") else text.replace("-", "\N{MINUS SIGN}")


def format_range(numbers: Sequence[float]) -> str:
    """One number if all are equal, else the least and the most."""
    least, most = min(numbers), max(numbers)
    return f"{least:,.0f}" if least == most else f"{least:,.0f} to {most:,.0f}"


def explain_outcome(said: str, found: Estimate) -> str:
    """What is said of a difference. "Not decided" is of a design that could have decided; of others it says why they could not."""
    if found.value is None:
        return found.why
    if said == NO_INTERVAL:
        return f"{COULD_NOT}: {found.why or NO_INTERVAL}"
    return f"{COULD_NOT}: {said}" if said == ONE_TRAINING else said


def name_set(name: str) -> str:
    """An evaluation set in words."""
    if name == ALL:
        return "all test slides"
    if name.startswith(DOMAIN):
        return name.removeprefix(DOMAIN)
    return {"in_domain": "in-domain", "out_of_domain": "out-of-domain"}.get(name, name)


def name_subset(name: str) -> str:
    """An evaluation set in words; "" for all test slides, which go without saying."""
    return "" if name == ALL else name_set(name)


def join(*parts: str) -> str:
    """Parts with commas between them; empty ones are left out."""
    return ", ".join(filter(None, parts))


def make_title(what: str, where: str) -> str:
    """What a figure shows, and of what if that needs words."""
    return f"{what}: {where}" if where else what


def count_verdicts(pairs: Sequence[Pair], what: str) -> str:
    """How often each verdict is given: "higher in 3, not decided in 1 of 4 pairs"."""
    counted = Counter(pair.difference.verdict for pair in pairs)
    known = (HIGHER, LOWER, NOT_DECIDED, ONE_TRAINING, NO_INTERVAL)
    told = ", ".join(f"{verdict} in {counted[verdict]}" for verdict in known if counted[verdict])
    return f"{told} of {len(pairs)} {what}"


def find_range(pairs: Iterable[Pair], between: str = "to") -> str:
    """The least and the most of the differences that are known, in words; "" if none is."""
    values = [pair.difference.value for pair in pairs if pair.difference.value is not None]
    return f"{format_signed(min(values))} {between} {format_signed(max(values))}" if values else ""
