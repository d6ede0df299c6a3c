"""How unequally cells were selected: among more settings in one mode than in another, by another rule at other points of a curve."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from mitofm.reporting.finding import Found, Measured
from mitofm.reporting.measured.configurations import Group
from mitofm.reporting.measured.grouping import group_by
from mitofm.reporting.measured.results import Result
from mitofm.reporting.numbers import format_range, join

_CHOSE = "validation"
_FEW = 3
"""So many places are told; more are counted."""


def find(measured: Measured) -> Found:
    """Cautions alone; none if all were selected alike."""
    results = measured.primary
    return Found(cautions=[*describe_search(results, measured.order), *describe_rules(results)])


def describe_search(results: Sequence[Result], order: Sequence[str]) -> list[str]:
    """The adaptations, in their order, if some chose among more settings than others."""
    tried: dict[str, set[int]] = {name: set() for name in order}
    for one in results:
        tried[one.configuration.adaptation] |= {*one.group.tried}
    known = {name: format_range(list(counts)) for name, counts in tried.items() if counts}
    counts = group_by(known, known.__getitem__)
    if len(counts) < 2:
        return []
    told = "; ".join(
        f"{', '.join(names)} {'trained 1' if count == '1' else f'chose among {count}'}"
        for count, names in counts.items()
    )
    return [
        f"Unequal search, in numbers of settings: {told}. A difference between these is in part one of how much was tried; "
        "adaptation.search=lr lets a gradient mode choose among nine learning rates."
    ]


def describe_rules(results: Sequence[Result]) -> list[str]:
    """The points of curves at which some cells chose on validation samples and others could not, and where that changes."""
    mixed: list[str] = []
    changes: list[str] = []
    groups = {one.configuration: one.group for one in results if one.group.rules}.values()
    for where, members in group_by(groups, lambda group: group.configuration.where).items():
        points = list(_list_points(members))
        for amount, chose, of in points:
            if 0 < chose < of:
                mixed.append(f"{chose} of {of} seeds with {join(amount, where)}")
        for (amount, chose, of), (more, then, of_more) in pairwise(points):
            if chose * of_more != then * of:
                changes.append(f"between {amount} and {join(more, where)}")
    said = []
    if mixed:
        said.append(
            f"Two rules of model selection in one mean: validation samples were enough to choose on in {_name_few(mixed)}; the "
            "other cells kept last weights, chose by folds or took stated values, and cut at 0.5."
        )
    if changes:
        said.append(
            f"The rule of model selection changes along the labels {_name_few(changes)}: on one side there were validation "
            "samples enough to choose on. What more labels are worth there is in part the worth of choosing."
        )
    return said


def _list_points(groups: Sequence[Group]) -> Iterator[tuple[str, int, int]]:
    """By amount of labels, the least first: how many seeds chose on validation samples, and of how many."""
    points = group_by(groups, lambda one: one.configuration.fraction)
    for _, members in sorted(points.items()):
        rules = {seed: rule for group in members for seed, rule in group.rules.items()}  # models share their splits
        yield members[0].configuration.amount, sum(rule == _CHOSE for rule in rules.values()), len(rules)


def _name_few(places: Sequence[str]) -> str:
    more = f" and {len(places) - _FEW} more" if len(places) > _FEW else ""
    return f"{'; '.join(places[:_FEW])}{more}"
