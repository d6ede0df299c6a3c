"""Scaling laws: one per model, adaptation and test set, and the labels that it says are needed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mitofm.evaluation import law_intervals, scaling_law
from mitofm.evaluation.law_intervals import Ends
from mitofm.evaluation.scaling_law import ScalingLaw
from mitofm.evaluation.statistics import LEVEL, LOWER, reach_all
from mitofm.reporting.finding import Found, Measured, show_table
from mitofm.reporting.measured.configurations import Configuration
from mitofm.reporting.measured.grouping import group_by
from mitofm.reporting.measured.results import Result
from mitofm.reporting.measured.stored import Stored
from mitofm.reporting.numbers import NOTHING, format_value
from mitofm.reporting.tables import LABELS, Entry, Table, make_table, name_row

_STEP, _LEVELS, _BEYOND = 0.05, 2, 100


@dataclass(frozen=True)
class Law:
    """err = a n^-b + c of one configuration over its amounts of labels, err being 1 - AUROC.

    Attributes:
        configuration: with fraction 0, for it stands for all.
        set: the evaluation set.
        labels: the amounts it was fitted to, ascending.
        parameters: a, b, c and "twice": the AUROC with twice the most labels, each with its interval.
        needed: labels to reach an AUROC, with their interval, for each level asked about.
        slides: how many were drawn from.
    """

    configuration: Configuration
    set: str
    labels: list[float]
    parameters: Mapping[str, Ends]
    needed: Mapping[float, Ends]
    slides: int

    def predict(self, labels: np.ndarray) -> np.ndarray:
        """The AUROC that the law gives for `labels`."""
        a, b, c = (np.array([self.parameters[name][0]]) for name in "abc")
        return 1 - np.array([ScalingLaw(a, b, c).error(n).item() for n in labels])

    def extrapolates(self, labels: float | None) -> bool:
        """Whether `labels` lies outside what was measured."""
        return labels is None or not self.labels[0] <= labels <= self.labels[-1]

    def format_labels(self, labels: float) -> str:
        """A number of labels for people: how far it is beyond all means is not worth digits."""
        limit = _BEYOND * self.labels[-1]
        return f"{labels:,.0f}" if labels <= limit else f"over {limit:,.0f}"


def find(measured: Measured) -> Found:
    """The laws; none with fewer than four amounts of labels."""
    laws = fit_laws(measured.stored, measured.primary, choose_levels(measured.primary))
    if not laws:
        return Found()
    return Found([show_table(tabulate(laws))], cautions=describe_misfits(measured.stored, measured.primary, laws))


def describe_misfits(stored: Stored, results: Iterable[Result], laws: Sequence[Law]) -> list[str]:
    """The laws whose points do not fall as a power law does: AUROC is surely lower with all labels than with fewer."""
    lines = group_by(results, lambda one: (replace(one.configuration, fraction=0.0), one.set))
    asked, tails = [], []
    for law in laws:
        *fewer, most = sorted(lines[law.configuration, law.set], key=lambda one: one.configuration.fraction)
        asked.append((most, max(fewer, key=lambda one: one.auroc.value or 0.0)))
        tails.append((1 - LEVEL) / 2 / len(fewer))  # the best was picked from so many
    pairs = stored.compare_all(asked)
    known = [place for place, pair in enumerate(pairs) if pair.difference.standard_error]
    found = reach_all([pairs[place].difference for place in known], [tails[place] for place in known])
    told = [
        f"{most.named} ({best.configuration.share}: {format_value(best.auroc)}, {most.configuration.share}: "
        f"{format_value(most.auroc)})"
        for (most, best), one in zip((asked[place] for place in known), found, strict=True)
        if one.verdict == LOWER
    ]
    if not told:
        return []
    return [
        f"More labels make it worse, so that no scaling law describes it: {'; '.join(told)}. What the law says of these is void."
    ]


def choose_levels(results: Iterable[Result]) -> list[float]:
    """The AUROCs that are asked about: the two highest steps of 0.05 that were reached."""
    best = max((result.auroc.value or 0.0 for result in results), default=0.0)
    reached = math.floor(best / _STEP + 1e-9)
    return [round((reached - back) * _STEP, 2) for back in reversed(range(_LEVELS)) if (reached - back) * _STEP > 0.5]


def fit_laws(stored: Stored, results: Iterable[Result], asked: Sequence[float]) -> list[Law]:
    """The law of every configuration that was measured with at least four amounts of labels on a set.

    Its intervals are percentiles of the laws of draws of slides and of trainings (`law_intervals`).
    """
    known = [result for result in results if result.auroc.value is not None]
    lines = group_by(known, lambda result: (replace(result.configuration, fraction=0.0), result.set))
    found = []
    for (key, name), members in lines.items():
        members = sorted(members, key=lambda member: member.configuration.fraction)
        labels = [stored.count_labels(member.group) for member in members]
        if len(set(labels)) >= scaling_law.MINIMUM_AMOUNTS:
            fitted = _fit_once(stored, name, members, labels, asked)
            needed = dict(zip(asked, fitted["needed"], strict=True))
            found.append(Law(key, name, labels, fitted["parameters"], needed, fitted["slides"]))
    return found


def tabulate(found: Sequence[Law]) -> Table:
    """The laws, the labels they say are needed, and what they foresee."""
    rows = []
    for law in found:
        key, reached = law.configuration, law.parameters["twice"]
        parameters = [(name, law.parameters[name]) for name in "abc"]
        amounts = {"amounts": len(law.labels), "least_labels": law.labels[0], "most_labels": law.labels[-1]}
        row = [
            *(
                Entry(full={"fraction_unit": key.fraction_unit}) if entry.heading == LABELS else entry
                for entry in name_row(key, law.set)
            ),
            Entry(full=amounts | {"slides": law.slides}),
            *(Entry(name, _format(ends, "{:.2g}".format), _name_columns(name, ends)) for name, ends in parameters),
            Entry(full=_name_columns("auroc_at_twice_the_labels", reached)),
        ]
        for level, ends in law.needed.items():
            beyond, name = law.extrapolates(ends[0]), f"labels_to_reach_{level:g}"
            shown = _format(ends, law.format_labels, "never") + (" *" if beyond else "")
            row.append(
                Entry(f"labels to reach {level:g}", shown, _name_columns(name, ends) | {f"{name}_extrapolates": beyond})
            )
        rows.append([*row, Entry("AUROC with twice the labels *", _format(reached, "{:.3f}".format))])
    note = (
        "1 − AUROC = a n^−b + c with n labels bought; 1 − c is what endless labels would give. Points are weighted by "
        "their precision; intervals are percentiles of 2,000 fits, each to one draw of slides and trainings; a, b and c have "
        "none near an AUROC of 1. * outside the amounts that were measured: an extrapolation, which no data here support. "
        "never: the asymptote lies below."
    )
    return make_table("scaling_laws", "Scaling laws", rows, note)


def _fit_once(stored: Stored, name: str, members: Sequence[Result], labels: list[float], asked: Sequence[float]) -> Any:
    contents = [stored.contents(member.group) for member in members]
    made_of = ["law of slides and trainings in log-odds", contents, name, labels, list(asked), law_intervals.DRAWS]

    def fit() -> dict[str, Any]:
        measured = [list(stored.seeds(member.group, name).values()) for member in members]
        law = law_intervals.fit_draws(np.array(labels), measured)
        parameters = {parameter: law.summarise(parameter) for parameter in "abc"}
        return {
            "parameters": parameters | {"twice": law.foresee(2 * labels[-1])},
            "needed": [law.count_labels(level) for level in asked],
            "slides": law.slides,
        }

    return stored.kept.get(made_of, fit)


def _format(ends: Ends, form: Callable[[float], str], infinite: str = NOTHING) -> str:
    value, low, high = (infinite if end is None else form(end) for end in ends)
    return value if ends[1] is None and ends[2] is None else f"{value} ({low} to {high})"


def _name_columns(name: str, ends: Ends) -> dict[str, float | None]:
    return dict(zip((name, f"{name}_low", f"{name}_high"), ends, strict=True))
