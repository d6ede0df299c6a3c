"""The comparisons that a study stated before it ran: which of its results they mean, and the answers in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from mitofm.evaluation.comparisons import Comparisons, Question
from mitofm.reporting.answers import Answer, answered, how
from mitofm.reporting.cells import Cell, naming
from mitofm.reporting.estimates import METRICS, Result, Stored, primary
from mitofm.reporting.grouped import grouped
from mitofm.reporting.numbers import difference
from mitofm.reporting.tables import Table, table

_IMPLIED = {
    "backbone.weights": "weights",
    "split.domain": "train_domain",
    "split.count": "train_domain",
    "split.fraction_unit": "fraction_unit",
}
"""Keys of a configuration that are labels of a cell as well."""


def answers(stored: Stored, results: Sequence[Result], asked: Comparisons) -> list[Answer]:
    """An answer for every pair of configurations that a question means, in every setting and on every test set it means.

    Args:
        stored: the predictions.
        results: of all configurations on all their evaluation sets.
        asked: the stated family.
    """
    results = primary(results) if asked.test_set is None else [one for one in results if one.set == asked.test_set]
    family = [one for question in asked.questions for one in _pairs(stored, results, question)]
    return answered(stored, family, asked.metric, asked.margin)


def _pairs(stored: Stored, results: Sequence[Result], question: Question) -> Iterator[Answer]:
    """The results that the question compares: equal in all but the keys it varies."""
    sides: dict[Any, tuple[list[Result], list[Result]]] = {}
    rest = _without({key for result in results for key in result.group.axes}, question.varied)
    for result in results:
        for side, wanted in enumerate((question.first, question.second)):
            if all(_same(_value(stored, result, key), value) for key, value in wanted.items()):
                place = (tuple(str(_value(stored, result, key)) for key in rest), result.set)
                sides.setdefault(place, ([], []))[side].append(result)
    first, second = (", ".join(str(side[key]) for key in question.varied) for side in (question.first, question.second))
    for pair in sides.values():
        yield from (Answer(question.name, (first, second), one, other) for one in pair[0] for other in pair[1])


def _without(axes: Iterable[str], varied: Sequence[str]) -> list[str]:
    gone = {*varied, *(_IMPLIED[key] for key in varied if key in _IMPLIED)}
    return sorted(key for key in axes if key not in gone and not key.startswith(tuple(f"{one}." for one in varied)))


def _value(stored: Stored, result: Result, key: str) -> Any:
    """What a configuration has at `key`: one of its labels, or what its cells' config says."""
    if key in result.group.axes:
        return result.group.axes[key]
    value: Any = stored.config(result.group.a_cell)
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _same(found: Any, wanted: Any) -> bool:
    return found == wanted or (found is not None and wanted is not None and str(found) == str(wanted))


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
    for question, members in grouped(found, lambda one: one.question).items():
        if len(members) == 1:
            (one,) = members
            said.append(f"{_words(question)}: {one.pair} is {difference(one.difference)}, {one.outcome}.")
    return said


def stated_table(found: Sequence[Answer], asked: Comparisons) -> Table:
    """Every answer, and which questions the cells gave none to."""
    meant = {"metric": asked.metric, "margin": asked.margin}
    rows = [
        [
            Cell("question", _words(one.question), {"question": one.question}),
            *naming(one.first.configuration, one.first.set),
            Cell("difference", one.pair, {"first": one.sides[0], "second": one.sides[1]} | meant),
            *one.cells(f"{METRICS[asked.metric]} (95 % interval)"),
        ]
        for one in found
    ]
    note = f"Stated in the study's sweep.yaml before its first cell ran. {how(len(rows), asked.metric, asked.margin)}"
    left = unanswered(found, asked)
    note += f" {left}" if left else ""
    return table(
        "stated", "Comparisons stated before the runs", rows, note, estimates=[one.difference for one in found]
    )


def unanswered(found: Sequence[Answer], asked: Comparisons) -> str:
    """The questions that the cells gave no answer to, in a sentence; empty where there are none."""
    told = {one.question for one in found}
    left = [_words(one.name) for one in asked.questions if one.name not in told]
    return f"Stated, but without finished cells to compare: {'; '.join(left)}." if left else ""


def _words(question: str) -> str:
    return question.replace("_", " ")
