"""Scaling laws: one per model, adaptation and test set, and the labels that it says are needed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mitofm.evaluation import bootstrap, scaling_law
from mitofm.evaluation.scaling_law import ScalingLaw
from mitofm.evaluation.statistics import LEVEL, LOWER, MINIMUM_SLIDES
from mitofm.ground.seeds import stream
from mitofm.reporting.configurations import Configuration
from mitofm.reporting.estimates import Result, Stored
from mitofm.reporting.finding import Found, Measured, show_table
from mitofm.reporting.grouping import group_by
from mitofm.reporting.numbers import NOTHING, format_value
from mitofm.reporting.tables import LABELS, Entry, Table, make_table, name_row

Ends = Sequence[float | None]
"""Value, lower and upper end; None if it is infinite (never reached) or there is no interval."""
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
    told = []
    for law in laws:
        *fewer, most = sorted(lines[law.configuration, law.set], key=lambda one: one.configuration.fraction)
        best = max(fewer, key=lambda one: one.auroc.value or 0.0)
        found = stored.compare(most, best).difference.among(len(fewer))
        if found.verdict == LOWER:
            told.append(
                f"{most.named} ({best.configuration.share}: {format_value(best.auroc)}, {most.configuration.share}: "
                f"{format_value(most.auroc)})"
            )
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

    Its points are the means over seeds, weighted by the inverse of their variance; its intervals are percentiles of 2,000
    laws, each fitted to one draw of slides (with all their samples, seeds and amounts) and of trainings (what the seeds
    of an amount show beyond their slides, by t).
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
        "their precision; intervals are percentiles of 2,000 fits, each to one draw of slides and trainings, and too narrow where "
        "slides are few. * outside the amounts that were measured: an extrapolation, which no data here support. "
        "never: the asymptote lies below."
    )
    return make_table("scaling_laws", "Scaling laws", rows, note)


def _fit_once(stored: Stored, name: str, members: Sequence[Result], labels: list[float], asked: Sequence[float]) -> Any:
    contents = [stored.contents(member.group) for member in members]
    made_of = ["law of slides and trainings", contents, name, labels, list(asked), bootstrap.DRAWS]
    return stored.kept.get(made_of, lambda: _fit(stored, name, members, np.array(labels), asked))


def _fit(
    stored: Stored, name: str, members: Sequence[Result], labels: np.ndarray, asked: Sequence[float]
) -> dict[str, Any]:
    """The law of the estimates, and the spread of those of draws, as plain data."""
    values = np.array([[1 - (member.auroc.value or 0.0) for member in members]])
    errors = np.array([member.auroc.standard_error or 0.0 for member in members])
    # An amount that no slide disturbs, or without a spread, counts as much as the most precise of the others.
    precision = np.maximum(errors, min(errors[errors > 0], default=1.0)) ** -2
    point = scaling_law.fit(labels, values, precision)
    seeds = [list(stored.predictions(member.group, name).values()) for member in members]
    slides = sorted({slide for amount in seeds for seed in amount for slide in seed["slide"].unique()})
    draws = point
    if len(slides) >= MINIMUM_SLIDES:
        rng = stream(0, "scaling law", len(slides))
        weights = bootstrap.draw_slides(len(slides), rng)
        drawn = 1 - np.array([bootstrap.auroc_of_draws(amount, slides, weights) for amount in seeds]).T
        drawn = np.clip(drawn + _draw_trainings(members, len(drawn), rng), 0, 1)
        draws = scaling_law.fit(labels, drawn[np.isfinite(drawn).all(axis=1)], precision)
    twice = 2 * float(labels[-1])
    return {
        "parameters": {
            **{name: _summarise(getattr(point, name), getattr(draws, name)) for name in "abc"},
            "twice": _summarise(1 - point.error(twice), 1 - draws.error(twice)),
        },
        "needed": [_summarise(point.labels_for(1 - level), draws.labels_for(1 - level)) for level in asked],
        "slides": len(slides),
    }


def _draw_trainings(members: Sequence[Result], count: int, rng: np.random.Generator) -> np.ndarray:
    """(count, K) by how much the mean of each amount would move with other trainings; 0 if it was trained once."""
    found = [member.auroc for member in members]
    spread = np.array([(one.training_sd or 0.0) / np.sqrt(one.seeds) for one in found])
    return spread * np.column_stack([rng.standard_t(max(one.seeds - 1, 1), count) for one in found])


def _summarise(point: np.ndarray, draws: np.ndarray) -> list[float | None]:
    """Value, lower and upper end; None for infinity, and for the ends if nothing was drawn."""
    # Order statistics, not a mean of two: one of them may be infinite.
    ends = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], method="nearest") if draws.size > 1 else [np.inf] * 2
    return [float(value) if np.isfinite(value) else None for value in (point.item(), *ends)]


def _format(ends: Ends, form: Callable[[float], str], infinite: str = NOTHING) -> str:
    value, low, high = (infinite if end is None else form(end) for end in ends)
    return value if ends[1] is None and ends[2] is None else f"{value} ({low} to {high})"


def _name_columns(name: str, ends: Ends) -> dict[str, float | None]:
    return dict(zip((name, f"{name}_low", f"{name}_high"), ends, strict=True))
