"""The comparisons that a study stated before it ran, answered: with intervals, corrected p values and four outcomes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mitofm import seeds
from mitofm.errors import MitofmError
from mitofm.evaluation import statistics, verdicts
from mitofm.evaluation.comparisons import Comparisons, Question
from mitofm.evaluation.permutation import slide_permutation_p
from mitofm.evaluation.statistics import Estimate
from mitofm.reporting.configurations import Configuration
from mitofm.reporting.contents import AXES, full_axes, no_interval, shown_axes
from mitofm.reporting.estimates import AUROC, METRICS, Result, Stored, primary
from mitofm.reporting.numbers import NOTHING, difference
from mitofm.reporting.tables import Table, columns_of, table

CELLS, SLIDES, SAME = "cells", "slides", "the same predictions"
_IMPLIED = {
    "backbone.weights": "weights",
    "split.domain": "train_domain",
    "split.count": "train_domain",
    "split.fraction_unit": "fraction_unit",
}
"""Keys of a configuration that are labels of a cell as well."""


@dataclass(frozen=True)
class Answer:
    """What the cells say to one stated question.

    Attributes:
        question: its name.
        configuration: of the first side.
        set: the test set.
        sides: what the first side is, and the second, in the keys that differ.
        difference: the metric of the first minus that of the second.
        paired: by "cells" where both were tested on the same ones, by "slides" where they were not; "the same
            predictions" where what differs has changed nothing.
        p: of no difference: by permutation of slides for AUROC on the same cells, else from t.
        corrected_p: the same, after Holm over all answers.
        equivalent_p: of a difference of at least the margin, after Holm over all answers.
    """

    question: str
    configuration: Configuration
    set: str
    sides: tuple[str, str]
    difference: Estimate
    paired: str
    p: float | None
    corrected_p: float | None = None
    equivalent_p: float | None = None

    @property
    def outcome(self) -> str:
        """One of: better, worse, equivalent, not decided, no interval."""
        return verdicts.of_comparison(self.difference, self.corrected_p, self.equivalent_p)


def answers(stored: Stored, results: Sequence[Result], asked: Comparisons) -> list[Answer]:
    """An answer for every pair of configurations that a question means, in every setting and on every test set it means.

    Args:
        stored: the predictions.
        results: of all configurations on all their evaluation sets.
        asked: the stated family.
    """
    results = primary(results) if asked.test_set is None else [one for one in results if one.set == asked.test_set]
    found = [
        _answer(stored, question, first, second, asked.metric)
        for question in asked.questions
        for first, second in _pairs(stored, results, question)
    ]
    different = verdicts.holm([one.p for one in found])
    equivalent = verdicts.holm(
        [0.0 if one.paired == SAME else verdicts.equivalence_p(one.difference, asked.margin) for one in found]
    )
    return [replace(one, corrected_p=p, equivalent_p=q) for one, p, q in zip(found, different, equivalent, strict=True)]


def _pairs(stored: Stored, results: Sequence[Result], question: Question) -> Iterator[tuple[Result, Result]]:
    """The results that the question compares: equal in all but the keys it varies."""
    sides: dict[Any, tuple[list[Result], list[Result]]] = {}
    rest = _without({key for result in results for key in result.group.axes}, question.varied)
    for result in results:
        for side, wanted in enumerate((question.first, question.second)):
            if all(_same(_value(stored, result, key), value) for key, value in wanted.items()):
                place = (tuple(str(_value(stored, result, key)) for key in rest), result.set)
                sides.setdefault(place, ([], []))[side].append(result)
    for firsts, seconds in sides.values():
        yield from ((first, second) for first in firsts for second in seconds)


def _without(axes: Iterable[str], varied: Sequence[str]) -> list[str]:
    gone = {*varied, *(_IMPLIED[key] for key in varied if key in _IMPLIED)}
    return sorted(key for key in axes if key not in gone and not key.startswith(tuple(f"{one}." for one in varied)))


def _value(stored: Stored, result: Result, key: str) -> Any:
    """What a configuration has at `key`: one of its labels, or what its cells' config says."""
    if key in result.group.axes:
        return result.group.axes[key]
    value: Any = stored.config(next(iter(result.group.done.values())))
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _same(found: Any, wanted: Any) -> bool:
    return found == wanted or (found is not None and wanted is not None and str(found) == str(wanted))


def _answer(stored: Stored, question: Question, first: Result, second: Result, metric: str) -> Answer:
    sides = stored.seeds(first.group, first.set), stored.seeds(second.group, second.set)
    try:
        found, paired = statistics.paired_difference(*sides, metric), CELLS
    except MitofmError:
        found, paired = statistics.difference_by_slide(*sides, metric), SLIDES
    p = verdicts.difference_p(found)
    if _contents(stored, first) == _contents(stored, second):
        paired, p = SAME, 1.0
    if p is not None and paired == CELLS and metric == AUROC:
        p = _permuted(stored, first, second)
    said = [", ".join(str(side[key]) for key in question.varied) for side in (question.first, question.second)]
    return Answer(question.name, first.configuration, first.set, (said[0], said[1]), found, paired, p)


def _permuted(stored: Stored, first: Result, second: Result) -> float | None:
    content = [_contents(stored, side) for side in (first, second)]

    def compute() -> float | None:
        sides = [stored.predictions(side.group, side.set) for side in (first, second)]
        return slide_permutation_p(sides[0], sides[1], seeds.stream(0, "permutation", first.set))

    return stored.kept.get(["permutation", *content, first.set], compute)


def _contents(stored: Stored, result: Result) -> list[str]:
    return [stored.content(cell) for cell in result.group.done.values()]


def sentences(found: Sequence[Answer], asked: Comparisons) -> list[str]:
    """The answers in words, none where nothing could be compared."""
    if not found:
        return []
    counted = Counter(one.outcome for one in found)
    tally = ", ".join(f"{outcome} in {count}" for outcome, count in counted.most_common())
    said = [
        f"Comparisons that the study stated before it ran ({METRICS[asked.metric]}, margin {asked.margin:g}, corrected for "
        f"their number, {len(found)}): {tally}."
    ]
    by_question: dict[str, list[Answer]] = {}
    for one in found:
        by_question.setdefault(one.question, []).append(one)
    for question, members in by_question.items():
        if len(members) == 1:
            (one,) = members
            sides = f"{one.sides[0]} \N{MINUS SIGN} {one.sides[1]}"
            said.append(f"{question.replace('_', ' ')}: {sides} {difference(one.difference)}, {one.outcome}.")
    return said


def stated_table(found: Sequence[Answer], asked: Comparisons) -> Table:
    """Every answer, and which questions the cells gave none to."""
    rows = []
    for one in found:
        shown = {
            "question": one.question.replace("_", " "),
            **shown_axes(one.configuration, one.set),
            "difference": f"{one.sides[0]} \N{MINUS SIGN} {one.sides[1]}",
            f"{METRICS[asked.metric]} (95 % interval)": difference(one.difference),
            "paired by": one.paired,
            "seeds": str(one.difference.seeds),
            "slides": str(one.difference.slides),
            "p": _p(one.p),
            "p, Holm": _p(one.corrected_p),
            "equivalence p, Holm": _p(one.equivalent_p),
            "outcome": one.outcome if one.difference.value is not None else one.difference.why,
        }
        full = {
            "question": one.question,
            **full_axes(one.configuration, one.set),
            "first": one.sides[0],
            "second": one.sides[1],
            "metric": asked.metric,
            "margin": asked.margin,
            **columns_of("difference", one.difference),
            "paired_by": one.paired,
            "p": one.p,
            "p_holm": one.corrected_p,
            "equivalence_p_holm": one.equivalent_p,
            "outcome": one.outcome,
        }
        rows.append((shown, full))
    note = (
        f"Stated in the study's sweep.yaml before its first cell ran. p of no difference: slides exchanged between the "
        f"sides where both were tested on the same cells, else from t; equivalence: two one-sided tests with a margin of "
        f"{asked.margin:g}; either corrected by Holm over these {len(rows)}. Paired by slides: not the same cells, so the "
        "jackknife leaves each slide out of both sides at once."
    )
    left = unanswered(found, asked)
    note += f" {left}" if left else ""
    axes = [axis for axis in AXES if axis != "question"]
    return table(
        "stated", "Comparisons stated before the runs", rows, note + no_interval(o.difference for o in found), axes
    )


def unanswered(found: Sequence[Answer], asked: Comparisons) -> str:
    """The questions that the cells gave no answer to, in a sentence; empty where there are none."""
    answered = {one.question for one in found}
    left = [one.name.replace("_", " ") for one in asked.questions if one.name not in answered]
    return f"Stated, but without finished cells to compare: {'; '.join(left)}." if left else ""


def _p(value: float | None) -> str:
    return NOTHING if value is None else "< 0.001" if value < 0.001 else f"{value:.3f}"
